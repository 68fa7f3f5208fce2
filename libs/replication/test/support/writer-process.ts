/** Submits many jobs as fast as it can in the directory given, and ends. */
import { submit } from "./slurm-writer.ts";

const directory = process.argv[2] ?? "";
for (let job = 1; job <= 80; job += 1) submit(directory, job, 1);
