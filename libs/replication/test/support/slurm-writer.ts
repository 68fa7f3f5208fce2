import { linkSync, mkdirSync, rmSync, unlinkSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";

/** The script of a job in tests. */
export function scriptOf(job: number): string {
  return `#!/bin/sh\n# job ${job}\n${"sleep 1\n".repeat(job % 50)}`;
}

/** Replaces a file as slurmctld does: for a moment there is only the one before it. */
export function save(directory: string, file: string, text: string): void {
  const path = join(directory, file);
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  rmSync(`${path}.old`, { force: true });
  if (existsSync(path)) {
    linkSync(path, `${path}.old`);
    unlinkSync(path);
  }
  linkSync(`${path}.new`, path);
  unlinkSync(`${path}.new`);
}

/** Submits a job as slurmctld keeps it: its files first, then the state that speaks of it. Old jobs disappear the other way round. */
export function submit(directory: string, job: number, oldest: number): void {
  const folder = join(directory, `hash.${job % 10}`, `job.${job}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "script"), scriptOf(job), { mode: 0o600 });
  writeFileSync(join(folder, "environment"), `JOB=${job}\0`, { mode: 0o600 });
  const jobs = Array.from({ length: job - oldest + 1 }, (_, at) => oldest + at);
  save(directory, "job_state", JSON.stringify(jobs));
  save(directory, "node_state", `nodes at ${job}`);
}
