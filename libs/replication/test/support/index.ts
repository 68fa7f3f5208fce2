/** For tests and measurements of whoever replicates a directory: a certificate authority, and slurmctld's way with files. */
export { Authority, freePort } from "./authority.ts";
export { save, scriptOf, submit } from "./slurm-writer.ts";
