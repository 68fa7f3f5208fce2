import {
  clusterIdOf,
  describeAuditEvent,
  openGenesis,
  verifyAudit,
  type AuditPayload,
} from "@cluster-os/admission";
import { parseFormat, parseWords } from "../arguments.ts";
import { CommandError, UsageError, type Command, type Context } from "../command.ts";
import { renderTable } from "../output/table.ts";
import { findServer } from "../site.ts";

export const audit: Command = {
  name: "audit",
  usage: "[verify] [-o json]",
  summary:
    "show who was let in, taken out and put to serve, and when keys changed; on a control-plane server",
  details: [
    "Each entry is signed by the cluster's authority and holds the hash of the one before it, back to the genesis record.",
    "`verify` goes through all of it on this machine, compares its end with what the members know, and names the first entry",
    "that is changed or missing; then the exit code is 1.",
  ],
  async run(args, context) {
    const { positionals, values } = parseWords(
      args,
      { output: { type: "string", short: "o" } },
      { names: ["verify"], optional: 1 },
    );
    const [word] = positionals;
    if (word !== undefined && word !== "verify") throw new UsageError(`"${word}" is not verify`);
    const format = parseFormat(values.output);
    const verdict = await examine(context);
    if (word === "verify") {
      if (!verdict.isWhole) throw new CommandError(`entry ${verdict.brokenAt} is broken: ${verdict.reason}`);
      context.stdout.write(
        `the log is whole: ${verdict.entries.length} entries, back to the genesis record\n`,
      );
      return 0;
    }
    const { entries } = verdict;
    if (format === "json") context.stdout.write(`${JSON.stringify(entries.map(plain), undefined, 2)}\n`);
    else context.stdout.write(renderTable(["NO", "TIME", "WHAT", "BY"], entries.map(row)));
    if (!verdict.isWhole)
      context.stderr.write(`cluster-os: entry ${verdict.brokenAt} is broken: ${verdict.reason}\n`);
    return verdict.isWhole ? 0 : 1;
  },
};

async function examine(context: Context) {
  const api = await findServer(context);
  const { clusterId } = await api.status();
  const { genesis, entries, head } = await api.audit();
  const record = bytesOf(genesis);
  // The log proves nothing of a cluster that is another one.
  if (clusterIdOf(record) !== clusterId)
    throw new CommandError(`the log is of cluster ${clusterIdOf(record)}, not of ${clusterId ?? "any"}`);
  const log = entries.map((entry) => (entry === null ? undefined : bytesOf(entry)));
  return verifyAudit(openGenesis(record), log, head === undefined ? undefined : bytesOf(head));
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

function row({ sequence, at, event, by }: AuditPayload): string[] {
  return [String(sequence), new Date(at).toISOString(), describeAuditEvent(event), by];
}

function plain({ sequence, at, by, event }: AuditPayload) {
  return { sequence, at: new Date(at).toISOString(), by, ...event };
}
