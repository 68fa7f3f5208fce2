import type { Machine } from "@cluster-os/lab";
import { waitFor } from "@cluster-os/std/drivers";
import { cancelAll } from "./submit.ts";

/** Commands at a time: more than the processors of the lab's host, as many users would have. */
export const MANY_AT_A_TIME = 8;
const ENDED_MS = 15 * 60_000;

/** Jobs acknowledged in a second, when so many are submitted by commands on `machine`, `atATime` of them. They are held, and cancelled after. */
export async function submissionsPerSecond(machine: Machine, jobs: number, atATime: number): Promise<number> {
  const submit = ["sbatch", "--hold", "--quiet", "--chdir=/tmp", "--job-name={}", "--wrap=true"];
  const numbers = Array.from({ length: jobs }, (_, at) => `${at + 1}\n`).join("");
  const began = performance.now();
  await machine.run(["xargs", `--max-procs=${atATime}`, "-I{}", ...submit], {
    stdin: Buffer.from(numbers),
  });
  const seconds = (performance.now() - began) / 1000;
  await cancelAll(machine);
  await allEnded(machine);
  return jobs / seconds;
}

/** Jobs that are through in a second, when so many that do nothing are submitted at once. */
export async function jobsPerSecond(machine: Machine, jobs: number): Promise<number> {
  const began = performance.now();
  await machine.run([
    "sbatch",
    "--quiet",
    "--chdir=/tmp",
    "--output=/dev/null",
    `--array=1-${jobs}`,
    "--wrap=true",
  ]);
  await allEnded(machine);
  return jobs / ((performance.now() - began) / 1000);
}

async function allEnded(machine: Machine): Promise<void> {
  const isEmpty = async (): Promise<boolean> => {
    const { exitCode, stdout } = await machine.exec(["squeue", "--noheader"]);
    return exitCode === 0 && stdout.trim() === "";
  };
  await waitFor(isEmpty, { what: "the end of all jobs", timeoutMs: ENDED_MS, everyMs: 250 });
}
