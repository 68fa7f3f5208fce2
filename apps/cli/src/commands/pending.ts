import { parseFormat, parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { renderTable } from "../output/table.ts";
import { findServer } from "../site.ts";

export const pending: Command = {
  name: "pending",
  usage: "[-o json]",
  summary: "show the machines that wait to be let in; on a control-plane server",
  details: [
    "A machine waits when it has no join key, one that was retired, or where the servers' file says `admission: approve`.",
    "`approve` lets it in. kubectl shows the same: ClusterNodes whose condition Member is False, reason Pending.",
  ],
  async run(args, context) {
    const { values } = parseWords(args, { output: { type: "string", short: "o" } });
    const format = parseFormat(values.output);
    const waiting = await (await findServer(context)).pending();
    if (format === "json") context.stdout.write(`${JSON.stringify(waiting, undefined, 2)}\n`);
    else if (waiting.length === 0) context.stdout.write("nobody waits\n");
    else {
      const rows = waiting.map(({ name, nodeId, appliedAt, isApproved }) => [
        name,
        isApproved ? "approved" : "waits",
        appliedAt,
        nodeId,
      ]);
      context.stdout.write(renderTable(["NAME", "STATE", "LAST ASKED", "NODE ID"], rows));
    }
    return 0;
  },
};
