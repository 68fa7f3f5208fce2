import { parseWords } from "../arguments.ts";
import { CommandError, type Command } from "../command.ts";
import { findMachine } from "../site.ts";

/** Is there while a machine is out of its cluster; bootstrap's unit asks for its absence. */
const DEPARTURE = "/var/lib/cluster-os/left";

export const join: Command = {
  name: "join",
  usage: "[N]",
  summary: "bring machine N back after `leave`; on a node: this machine",
  details: ["A machine that never left needs no command: it finds its cluster by itself."],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["N"], optional: 1 });
    const machine = await findMachine(positionals[0], context);
    const isOut = (await machine.capture(["test", "-e", DEPARTURE])).exitCode === 0;
    if (!isOut) {
      context.stdout.write(`${machine.name} has not left\n`);
      return 0;
    }
    for (const argv of [
      ["rm", DEPARTURE],
      ["systemctl", "start", "cluster-os-bootstrap.service"],
    ]) {
      const { exitCode, stderr } = await machine.capture(argv);
      if (exitCode !== 0)
        throw new CommandError(`${argv.join(" ")} failed on ${machine.name}: ${stderr.trim()}`);
    }
    context.stdout.write(`${machine.name} joins its cluster again\n`);
    return 0;
  },
};
