import { execa } from "execa";
import { LabError } from "../lab-error.ts";

/** Another Debian tree whose programs are used. */
export interface Tools {
  readonly tree: string;
  /** Where TOOLS_SCRIPT is. */
  readonly script: string;
}

/** How a program of that tree is started: in a mount namespace where the tree's programs are at the places of ours. */
export function toolCommand({ tree, script }: Tools, argv: readonly string[]): readonly string[] {
  return ["unshare", "--mount", "--propagation=slave", "/bin/sh", script, tree, ...argv];
}

/** Runs a program of that tree that has to succeed, and gives what it wrote. */
export async function runTool(tools: Tools, argv: readonly string[], input?: string): Promise<string> {
  const [program = "", ...args] = toolCommand(tools, argv);
  const { exitCode, stdout, stderr } = await execa(program, args, {
    reject: false,
    cwd: "/",
    ...(input === undefined ? { stdin: "ignore" as const } : { input }),
  });
  if (exitCode === 0) return stdout ?? "";
  throw new LabError(`${argv[0] ?? ""} failed: ${stderr?.trim() ?? ""}`);
}
