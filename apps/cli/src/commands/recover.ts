import type { RecoverAnswer } from "@cluster-os/api";
import { parseWords } from "../arguments.ts";
import type { Command, Context } from "../command.ts";
import { findMachine } from "../site.ts";

export const recover: Command = {
  name: "recover",
  usage: "[N] [--yes] [--from SNAPSHOT]",
  summary:
    "bring the control plane back when most of its servers are lost for good; on a server that is left",
  details: [
    "Without --yes it shows how things stand and what would be done, and does nothing. With it, etcd begins anew on this one",
    "server: from its own data, or from a snapshot. Workers and pods go on; other workers become servers afterwards, by",
    "themselves. Servers that are thought lost and return become workers; what they had lies in /var/lib/cluster-os/set-aside,",
    "as does what this server had. What was written in the last moments and never reached this server is lost.",
    "  --yes   do it",
    "  --from  the snapshot to begin from, instead of this server's own data; here or on another machine that lives",
  ],
  async run(args, context) {
    const { positionals, values } = parseWords(
      args,
      { yes: { type: "boolean" }, from: { type: "string" } },
      { names: ["N"], optional: 1 },
    );
    const machine = await findMachine(positionals[0], context);
    const confirmed = values.yes === true;
    const answer = await (
      await machine.api()
    ).recover({ confirmed, ...(values.from !== undefined && { source: values.from }) });
    context.stdout.write(`${describe(answer, context).join("\n")}\n`);
    return answer.refusal === undefined ? 0 : 1;
  },
};

function describe(answer: RecoverAnswer, { program }: Context) {
  const { state, refusal, source, takenAtMs, holders, lost, isDone } = answer;
  if (refusal !== undefined) return [`${state}.`, `Nothing is recovered: ${refusal}`];
  const when = takenAtMs === undefined ? "" : ` of ${new Date(takenAtMs).toISOString()}`;
  const where = holders === undefined ? "" : ` (kept by ${holders.join(" and ")})`;
  const from = source === "own" ? "its own data" : `snapshot ${source}${when}${where}`;
  if (isDone) {
    return [
      `etcd has begun anew from ${from}; ${lost.join(" and ")} will be workers if they return`,
      `workers take their places by themselves: ${program} plan`,
    ];
  }
  return [
    `${state}.`,
    `etcd would begin anew on this machine from ${from}, without ${lost.join(" and ")}.`,
    `If they can be brought back, that is better: nothing is lost then. To do it: the same with --yes`,
  ];
}
