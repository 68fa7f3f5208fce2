import type { DoctorReport } from "@cluster-os/api";

/** `cluster-os doctor` for people: machine by machine, the worst first. */
export function renderReport(reports: DoctorReport): string {
  return reports.map(renderMachine).join("\n");
}

function renderMachine({ machine, node, findings, unread }: DoctorReport[number]): string {
  const called = node === undefined ? machine : `${machine} (${node})`;
  const count = findings.length === 1 ? "1 finding" : `${findings.length} findings`;
  const lines = [
    findings.length === 0 ? `${called}: nothing is wrong` : `${called}: ${count}`,
    ...findings.flatMap(({ severity, kind, what, why, remedy }) => [
      `  ${severity === "error" ? "ERROR  " : "warning"}  ${what}  [${kind}]`,
      `           why: ${why}`,
      `           do:  ${remedy}`,
    ]),
    ...(unread.length === 0 ? [] : [`  could not be read: ${unread.join(", ")} (as root, more is)`]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
