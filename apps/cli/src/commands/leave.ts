import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { findMachine } from "../site.ts";

export const leave: Command = {
  name: "leave",
  usage: "[N]",
  summary: "take machine N out of the cluster in good order; on a node: this machine",
  details: [
    "Its pods end and start elsewhere, the others are told, and it stays out, through reboots too, until `join`. It keeps",
    "its identity and its index. A control-plane server is refused: its vote would be missed.",
  ],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["N"], optional: 1 });
    const machine = await findMachine(positionals[0], context);
    const { name, clusterId } = await (await machine.api()).leave();
    context.stdout.write(`${name} has left cluster ${clusterId}\n`);
    return 0;
  },
};
