import type { DoctorReport } from "@cluster-os/api";
import { parseFormat, parseWords } from "../arguments.ts";
import type { Command, Context } from "../command.ts";
import { diagnose } from "../doctor/diagnose.ts";
import { finding } from "../doctor/catalogue.ts";
import { gatherFacts, unread } from "../doctor/gather.ts";
import { renderReport } from "../doctor/render.ts";
import { findLabMachine, findSite, type Machine } from "../site.ts";

export const doctor: Command = {
  name: "doctor",
  usage: "[N] [-o json]",
  summary: "say what is wrong, why, and what to do; of all machines, or of machine N",
  details: [
    "On a node it examines that node. Exit code: 0 nothing is wrong, 1 something is.",
    "-o json   the findings in the shape of docs/reference",
    "",
    "Every finding is explained in docs/guides/troubleshooting.md. It changes nothing. Some of it needs root.",
  ],
  async run(args, context) {
    const { values, positionals } = parseWords(
      args,
      { output: { type: "string", short: "o" } },
      { names: ["N"], optional: 1 },
    );
    const format = parseFormat(values.output);
    const machines = await choose(positionals[0], context);
    const reports = await Promise.all(machines.map((machine) => examine(machine, context)));
    context.stdout.write(
      format === "json" ? `${JSON.stringify(reports, undefined, 2)}\n` : renderReport(reports),
    );
    return reports.some(({ findings }) => findings.length > 0) ? 1 : 0;
  },
};

async function choose(word: string | undefined, context: Context): Promise<readonly Machine[]> {
  if (word !== undefined) return [await findLabMachine(word, context)];
  const { machines } = await findSite(context);
  return machines;
}

async function examine(machine: Machine, { clock, pollMs }: Context): Promise<DoctorReport[number]> {
  if (!(await machine.isRunning()))
    return {
      machine: machine.name,
      findings: [finding("machine-off", `${machine.name} is off`)],
      unread: [],
    };
  const facts = await gatherFacts(machine, { nowMs: clock.wallTime(), againMs: 3 * pollMs });
  return {
    machine: machine.name,
    ...(facts.status && { node: facts.status.name }),
    findings: [...diagnose(facts)],
    unread: [...unread(facts)],
  };
}
