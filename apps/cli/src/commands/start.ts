import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { findLabMachine } from "../site.ts";

export const start: Command = {
  name: "start",
  usage: "N",
  summary: "give machine N power again; it finds back by itself",
  details: ["It boots from the disk that it had."],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["N"] });
    const machine = await findLabMachine(positionals[0] ?? "", context);
    const wasRunning = await machine.isRunning();
    await machine.start();
    context.stdout.write(wasRunning ? `${machine.name} runs already\n` : `${machine.name} boots\n`);
    return 0;
  },
};
