import type { FirewallReport } from "@cluster-os/api";
import { parseFormat, parseWords } from "../arguments.ts";
import type { Command } from "../command.ts";
import { findMachine } from "../site.ts";

export const firewall: Command = {
  name: "firewall",
  usage: "[N] [--dry-run] [-o json]",
  summary: "show what comes into machine N from its network, or what would change; on a node: this machine",
  details: [
    "--dry-run   only what would change if cluster-os-bootstrap were restarted with the given file as it is now",
    "-o json     everything, in the shape of docs/reference/local-api.md",
    "",
    "It changes nothing. The fields `firewall` and `openPorts` of /etc/cluster-os/cluster-os.yaml do, at the next start of",
    "bootstrap.",
  ],
  async run(args, context) {
    const { values, positionals } = parseWords(
      args,
      { output: { type: "string", short: "o" }, "dry-run": { type: "boolean" } },
      { names: ["N"], optional: 1 },
    );
    const format = parseFormat(values.output);
    const machine = await findMachine(positionals[0], context);
    const report = await (await machine.api()).firewall();
    const text = values["dry-run"] === true ? renderChanges(report) : renderFirewall(report);
    context.stdout.write(format === "json" ? `${JSON.stringify(report, undefined, 2)}\n` : text);
    return 0;
  },
};

/** The rules that are there, with what they met, and how they come to be. */
function renderFirewall(report: FirewallReport): string {
  const { mode, isInPlace, rules, changes, error } = report;
  const heading = isInPlace ? `firewall: ${mode}` : `firewall: ${mode}, and no rules are in place`;
  const chains = (["input", "forward"] as const).flatMap((chain) => {
    const own = rules.filter((rule) => rule.chain === chain);
    return own.length === 0 ? [] : [MEANINGS[chain], ...own.map(renderRule)];
  });
  return lines([
    heading,
    ...(error === undefined ? [] : [`  ${error}`]),
    ...chains,
    ...(changes.length === 0
      ? []
      : [`${changes.length} rules would change at the next start: --dry-run lists them`]),
  ]);
}

const MEANINGS = { input: "to this machine:", forward: "through this machine:" } as const;

function renderRule({ rule, packets }: FirewallReport["rules"][number]): string {
  return packets === undefined ? `  ${rule}` : `  ${rule}  (${packets} packets)`;
}

function renderChanges({ mode, changes }: FirewallReport): string {
  if (changes.length === 0) return lines([`firewall: ${mode}; nothing would change`]);
  return lines([
    `firewall: ${mode}; at the next start of cluster-os-bootstrap:`,
    ...changes.map(({ change, chain, rule }) => `  ${change === "add" ? "+" : "-"} ${chain}: ${rule}`),
  ]);
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
