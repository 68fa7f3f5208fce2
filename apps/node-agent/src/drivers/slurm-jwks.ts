import { readFile, stat } from "node:fs/promises";
import { bootTimeMs } from "@cluster-os/fencer";
import { utf8 } from "@cluster-os/std";
import { readFileIfExists, systemClock, waitFor, writeFileAtomic } from "@cluster-os/std/drivers";
import type { JwksSeen } from "../slurm/jwks.ts";
import type { KeysAtWork } from "../slurm/keys.ts";
import { haveSecretsRead } from "./slurm-controller.ts";
import { SLURM_PATHS, writeSecret } from "./slurm-files.ts";
import { actUnit, mainPid, unitStates } from "./slurm-units.ts";

const SLURMD = "slurmd.service";
/** It begins anew within a second; what takes longer is looked at again in the next round. */
const RELOAD_MS = 3000;
/** Of the kernel's clock in /proc (proc_pid_stat(5)) on every machine that Debian knows, and of {@link bootTimeMs}. */
const MS_PER_TICK = 10;

export async function observeJwks(): Promise<JwksSeen> {
  const [text, atWork] = await Promise.all([SLURM_PATHS.jwks, SLURM_PATHS.jwksAtWork].map(readFileIfExists));
  const [signing, ...others] = atWork?.toString("utf8").trim().split("\n") ?? [];
  return { text: text?.toString("utf8"), atWork: signing === undefined ? undefined : { signing, others } };
}

/** slurmctld is not root, and reads it by itself. */
export async function writeJwks(text: string): Promise<void> {
  await writeSecret(SLURM_PATHS.jwks, utf8(text), "slurm");
}

/** Returns when slurmctld and slurmd, where they run, have read the keys that lie there; throws if one does not. */
export async function loadJwks({ signing = "", others }: KeysAtWork, signal: AbortSignal): Promise<void> {
  await haveSecretsRead("the keys of auth/slurm", signal);
  await haveSlurmdRead(signal);
  await writeFileAtomic(SLURM_PATHS.jwksAtWork, `${[signing, ...others].join("\n")}\n`, { mode: 0o600 });
}

/**
 * slurmd takes over from itself in another process when it is told to reload, also when slurmctld tells it. So one that began after
 * the keys were written has read them, and no other is known to. Jobs' processes are not its own, and go on.
 */
async function haveSlurmdRead(signal: AbortSignal): Promise<void> {
  const { ctimeMs } = await stat(SLURM_PATHS.jwks);
  const hasRead = async (): Promise<boolean> => {
    const pid = await mainPid(SLURMD, signal);
    return pid === 0 || ((await beganAt(pid)) ?? 0) > ctimeMs;
  };
  if (await hasRead()) return;
  const { [SLURMD]: state } = await unitStates([SLURMD], signal);
  // One that still begins, with the keys before, cannot be told.
  await actUnit(state === "active" ? "reload" : "restart", SLURMD, signal);
  const what =
    "slurmd with the new keys of auth/slurm (it is told again; /var/log/slurm/slurmd.log has its reasons)";
  await waitFor(hasRead, { what, timeoutMs: RELOAD_MS, everyMs: 100, signal });
}

/** When a process began, in Unix milliseconds, to two ticks and never too late; undefined where it has ended. */
async function beganAt(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // Its name may have anything in it; what follows has only numbers.
  const ticks = text
    ?.slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .at(19);
  return ticks === undefined
    ? undefined
    : systemClock.wallTime() - bootTimeMs() + (Number(ticks) - 1) * MS_PER_TICK;
}
