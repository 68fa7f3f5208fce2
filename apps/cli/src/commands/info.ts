import { parseWords } from "../arguments.ts";
import { CommandError, type Command } from "../command.ts";
import { findLabMachine, requireLab } from "../site.ts";

export const info: Command = {
  name: "info",
  usage: "[N]",
  summary: "show where the machines of the lab are on this host: processes, logs, disks, ways in",
  details: ["Of machine N, or of all. Of emulated ones also the command for SSH and the screen by VNC."],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["N"], optional: 1 });
    requireLab(context);
    const [word] = positionals;
    const machines =
      word === undefined ? await context.lab.machines() : [await findLabMachine(word, context)];
    if (machines.length === 0) throw new CommandError("the lab is down", { hint: `${context.program} up` });
    for (const machine of machines) {
      context.stdout.write(`${machine.name}\n`);
      for (const { name, value } of await machine.places())
        context.stdout.write(`  ${`${name}:`.padEnd(11)} ${value}\n`);
    }
    return 0;
  },
};
