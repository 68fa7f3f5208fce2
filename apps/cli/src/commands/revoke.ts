import type { RevokeAnswer } from "@cluster-os/api";
import { parseFormat, parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { findNode, findServer } from "../site.ts";

export const revoke: Command = {
  name: "revoke",
  usage: "NODE [-o json]",
  summary: "take a node out of the cluster for ever, whatever it says; on a control-plane server",
  details: [
    "NODE is a node's name or its public key; in a lab, also a machine (m3). It is cut off from the mesh and from Kubernetes",
    "within seconds, and its key is never admitted again. Whoever holds the join key that it knew waits for approval from",
    "then on. The machine keeps its data. Of a server, more has to be done by hand: see the guide to revoking nodes.",
    "For a machine that is only to be elsewhere, `leave` is enough.",
    "  -o json  what was revoked, as in docs/reference/local-api.md",
  ],
  async run(args, context) {
    const { positionals, values } = parseWords(
      args,
      { output: { type: "string", short: "o" } },
      { names: ["NODE"] },
    );
    const format = parseFormat(values.output);
    const node = await findNode(positionals[0] ?? "", context);
    const answer = await (await findServer(context, node)).revoke(node);
    const text = format === "json" ? JSON.stringify(answer, undefined, 2) : describe(answer);
    context.stdout.write(`${text}\n`);
    return 0;
  },
};

function describe({ name, wasServer, retiredJoinKeys }: RevokeAnswer): string {
  const lines = [`${name} is revoked: it is out of the mesh, and its key is never admitted again`];
  if (retiredJoinKeys.length > 0) {
    lines.push("machines that come with the join key it knew wait for approval from now on");
  }
  if (wasServer) {
    lines.push(
      "it was a control-plane server and had the cluster's root keys: replace them, see docs/guides/revoking-nodes.md",
    );
  }
  return lines.join("\n");
}
