import type { RingKeyReport } from "@cluster-os/api";
import { delay } from "@cluster-os/std/drivers";
import { parseFormat, parseWords } from "../arguments.ts";
import { CommandError, UsageError, type Command, type Context } from "../command.ts";
import { renderTable } from "../output/table.ts";
import { findSite, observe, type Machine } from "../site.ts";
import { isMember, pickWitness } from "../witness.ts";

/** A staged key becomes active after 15 s at the latest. */
const PATIENCE_MS = 30_000;

export const key: Command = {
  name: "key",
  usage: "rotate | status [-o json]",
  summary: "the ring key that seals what members tell each other: change it, or see who has it",
  details: [
    "rotate    a server makes a new key and hands it to every admitted member, sealed to each; then all seal with it.",
    "          Nothing is interrupted, and members that are away get it when they are back. Revoking a node does the same.",
    "status    the newest key and who holds it",
    "-o json   the list in the shape of docs/reference",
  ],
  async run(args, context) {
    const { values, positionals } = parseWords(
      args,
      { output: { type: "string", short: "o" } },
      { names: ["rotate or status"] },
    );
    const format = parseFormat(values.output);
    const [word] = positionals;
    if (word !== "rotate" && word !== "status")
      throw new UsageError(`a key is rotated, or has a status; not "${word}"`);
    const report = word === "rotate" ? await rotate(context) : await look(context);
    context.stdout.write(format === "json" ? `${JSON.stringify(report, undefined, 2)}\n` : render(report));
    return 0;
  },
};

async function rotate(context: Context): Promise<RingKeyReport> {
  const server = await find(context, "server");
  let report = await (await server.api()).rotateRingKey();
  const end = context.clock.now() + PATIENCE_MS;
  while (report.stage === "staged" && context.clock.now() < end) {
    await delay(context.pollMs);
    report = await (await server.api()).ringKeys();
  }
  return report;
}

async function look(context: Context): Promise<RingKeyReport> {
  return (await (await find(context)).api()).ringKeys();
}

/** `key status` for people. */
function render({ number, stage, members }: RingKeyReport): string {
  const living = members.filter(({ status }) => status === "healthy" || status === "suspect");
  const having = living.filter(({ isNewest }) => isNewest).length;
  const state = stage === "active" ? "seals what members tell each other" : "is being handed to members";
  const head = `Ring key ${number} ${state}; ${having} of ${living.length} living members hold it\n`;
  const rows = members.map((member) => [
    member.name,
    member.status,
    member.number === undefined ? "" : String(member.number),
  ]);
  return head + renderTable(["MEMBER", "STATUS", "RING KEY"], rows);
}

async function find(context: Context, role?: "server"): Promise<Machine> {
  const { machines } = await findSite(context);
  const observations = await observe(machines);
  const able = observations.filter(
    ({ status }) =>
      status?.clusterId !== undefined && (role === undefined || (status.role === role && isMember(status))),
  );
  const machine = pickWitness(machines, able);
  if (machine) return machine;
  const [only] = observations;
  if (observations.length === 1 && only?.status?.role === "worker") {
    const names = only.status.controlPlane.voters.map(({ name }) => name).join(", ");
    throw new CommandError("this machine is a worker, and a server makes ring keys", {
      hint: `on a server: ${names}`,
    });
  }
  throw new CommandError(only?.silence ?? "no machine here is in a cluster", {
    hint: `${context.program} status`,
  });
}
