import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { findLabMachine } from "../site.ts";

export const kill: Command = {
  name: "kill",
  usage: "N",
  summary: "cut the power of machine N",
  details: ["Nothing is flushed and nobody is told, as when a plug is pulled. Its disk stays."],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["N"] });
    const machine = await findLabMachine(positionals[0] ?? "", context);
    const wasRunning = await machine.isRunning();
    await machine.kill();
    context.stdout.write(wasRunning ? `${machine.name} has no power\n` : `${machine.name} was off already\n`);
    return 0;
  },
};
