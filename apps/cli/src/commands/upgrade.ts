import { basename, resolve } from "node:path";
import type { UpgradeReport } from "@cluster-os/api";
import { delay } from "@cluster-os/std/drivers";
import { parseFormat, parseWords } from "../arguments.ts";
import { UsageError, type Command, type Context } from "../command.ts";
import { renderTable } from "../output/table.ts";
import { findServer } from "../site.ts";

export const upgrade: Command = {
  name: "upgrade",
  usage: "kubernetes FILE.deb [--yes] | status [-o json]",
  summary: "bring every machine to another Kubernetes, one after the other; on a server",
  details: [
    "kubernetes  FILE.deb is the package cluster-os-kubernetes that brings the wanted version, on that server. Without --yes it",
    "            shows what would be done, and does nothing. With it, the machines fetch the package from each other and are",
    "            upgraded one at a time, servers first, as long as all others are well. Pods and jobs go on meanwhile. It goes",
    "            on by itself, whether anybody watches or not; a machine that is away has its turn when it is back.",
    "status      how far it is",
    "--yes       do it, and watch until all that are here are through, or one failed",
    "-o json     the state in the shape of docs/reference",
    "",
    "One minor version at a time, and never back. `pause` keeps further machines from having their turn.",
  ],
  async run(args, context) {
    const { values, positionals } = parseWords(
      args,
      { yes: { type: "boolean" }, output: { type: "string", short: "o" } },
      { names: ["kubernetes or status", "FILE.deb"], optional: 1 },
    );
    const format = parseFormat(values.output);
    const [word, file] = positionals;
    if (word === "status" && file === undefined)
      return show(await (await findServer(context)).upgrade(), format, context);
    if (word !== "kubernetes")
      throw new UsageError(`kubernetes is upgraded, or has a status; not "${args.join(" ")}"`);
    if (file === undefined) throw new UsageError("which package? `upgrade kubernetes FILE.deb`");
    const confirmed = values.yes === true;
    const server = await findServer(context);
    const report = await server.upgradeKubernetes({ package: resolve(file), confirmed });
    if (confirmed) return watch(format, context);
    const code = show(report, format, context);
    if (format !== "json" && report.state === "planned")
      context.stdout.write(`To do it: the same with --yes, on the server that has ${basename(file)}\n`);
    return code;
  },
};

/**
 * Until all is through or stopped; writes what changes, for programs only how it ended. What it was told by is upgraded, too: silence
 * is not the end.
 */
async function watch(format: "text" | "json", context: Context): Promise<number> {
  let told = "";
  for (;;) {
    const report = await findServer(context)
      .then((server) => server.upgrade())
      .catch(() => undefined);
    if (report && report.what !== told && format === "text") {
      told = report.what;
      context.stdout.write(`${lineOf(report)}\n`);
    }
    if (report?.state === "done" || report?.state === "stopped") return show(report, format, context);
    await delay(context.pollMs);
  }
}

function show(report: UpgradeReport, format: "text" | "json", { stdout }: Context): number {
  stdout.write(format === "json" ? `${JSON.stringify(report, undefined, 2)}\n` : render(report));
  return report.state === "stopped" ? 1 : 0;
}

function lineOf({ wanted, state, what }: UpgradeReport): string {
  return wanted === undefined
    ? what
    : `Kubernetes ${wanted}: ${state === "planned" ? "not asked for yet" : what}`;
}

function render(report: UpgradeReport): string {
  const rows = report.nodes.map(({ name, role, version, isReady, isAway }) => [
    name,
    role,
    version,
    isAway ? "away" : isReady ? "ready" : "not ready",
  ]);
  return `${lineOf(report)}\n${renderTable(["NODE", "ROLE", "KUBERNETES", "STATE"], rows)}`;
}
