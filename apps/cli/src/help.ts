import type { Command } from "./command.ts";

/** `cluster-os help`: every command on a line. */
export function renderHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}\n`);
  return `Cluster-OS: machines that become one encrypted cluster by themselves.

usage: cluster-os COMMAND [ARGUMENTS]

${lines.join("")}
\`cluster-os help COMMAND\` tells more. Exit codes: 0 done, 1 failed, 2 not understood; shell, logs and kubectl pass on the
exit code of what they run.
`;
}

/** `cluster-os help COMMAND`. */
export function renderCommandHelp({ name, usage, summary, details }: Command): string {
  const more = details.length === 0 ? "" : `\n${details.map((line) => `${line}\n`).join("")}`;
  return `${usageLine({ name, usage })}\n\n${summary.charAt(0).toUpperCase()}${summary.slice(1)}.\n${more}`;
}

export function usageLine({ name, usage }: Pick<Command, "name" | "usage">): string {
  return `usage: cluster-os ${name}${usage === "" ? "" : ` ${usage}`}`;
}
