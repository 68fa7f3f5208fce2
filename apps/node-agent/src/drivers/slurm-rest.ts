import { SLURM_REST_PORT } from "@cluster-os/api";
import { readFileIfExists, writeFileIfChanged } from "@cluster-os/std/drivers";
import { SLURM_PATHS } from "./slurm-files.ts";
import { actUnit } from "./slurm-units.ts";

export const REST_UNIT = "cluster-os-slurmrestd.service";

const LISTEN = /^SLURMRESTD_LISTEN=(.+):[0-9]+$/m;

/** Where slurmrestd was last told to listen. */
export async function restAddress(): Promise<string | undefined> {
  const environment = (await readFileIfExists(SLURM_PATHS.restEnvironment))?.toString("utf8") ?? "";
  return LISTEN.exec(environment)?.[1];
}

/** Does not wait until it listens: nothing here needs it. */
export async function startRest(address: string, signal: AbortSignal): Promise<void> {
  // slurmrestd(8): it adds these to where its command line has it listen.
  const environment = `SLURMRESTD_LISTEN=${address}:${SLURM_REST_PORT}\n`;
  await writeFileIfChanged(SLURM_PATHS.restEnvironment, environment, { mode: 0o644 });
  await actUnit("restart", REST_UNIT, signal);
}
