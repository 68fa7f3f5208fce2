import { parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { findServer } from "../site.ts";

export const approve: Command = {
  name: "approve",
  usage: "NODE",
  summary: "let a machine in that waits; on a control-plane server",
  details: [
    "NODE is a name that `pending` shows, or the public key of a machine that is yet to come. Compare the public key with what",
    "`cluster-os status` says on the machine itself: a name is easy to mistake.",
  ],
  async run(args, context) {
    const { positionals } = parseWords(args, {}, { names: ["NODE"] });
    const { name, nodeId } = await (await findServer(context)).approve(positionals[0] ?? "");
    context.stdout.write(`${name} is approved (${nodeId}): it is let in as soon as it asks again\n`);
    return 0;
  },
};
