import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { save } from "@cluster-os/replication/testing";

/** What slurmctld does to its directory: jobs are kept as it keeps them, file by file. */
export class Slurmctld {
  readonly directory: string;
  readonly jobs: number[];

  /** Begins with what lies there; a job whose script is missing is lost. */
  constructor(directory: string) {
    this.directory = directory;
    const path = join(directory, "job_state");
    const jobs = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as number[]) : [];
    this.jobs = jobs.filter((job) => existsSync(join(this.#folder(job), "script")));
  }

  submit(job: number): void {
    mkdirSync(this.#folder(job), { recursive: true });
    writeFileSync(join(this.#folder(job), "script"), `#!/bin/sh\n# job ${job}\n`);
    this.jobs.push(job);
    save(this.directory, "job_state", JSON.stringify(this.jobs));
    save(this.directory, "node_state", `nodes at ${job}`);
  }

  #folder(job: number): string {
    return join(this.directory, `hash.${job % 10}`, `job.${job}`);
  }
}
