import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
    this.#save("job_state", JSON.stringify(this.jobs));
    this.#save("node_state", `nodes at ${job}`);
  }

  #folder(job: number): string {
    return join(this.directory, `hash.${job % 10}`, `job.${job}`);
  }

  /** For a moment there is only the one before it. */
  #save(file: string, text: string): void {
    const path = join(this.directory, file);
    writeFileSync(`${path}.new`, text);
    rmSync(`${path}.old`, { force: true });
    if (existsSync(path)) {
      linkSync(path, `${path}.old`);
      unlinkSync(path);
    }
    linkSync(`${path}.new`, path);
    unlinkSync(`${path}.new`);
  }
}
