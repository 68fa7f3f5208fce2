import { runProgram, type ExecOptions, type ExecResult } from "./enter.ts";

/** What a dead machine's journal holds, read by the host's journalctl. */
export async function readJournalOf(
  folder: string,
  args: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const path = process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  return runProgram("the host", "journalctl", [`--directory=${folder}`, ...args], {
    ...options,
    env: { PATH: path },
  });
}
