import { readFileIfExists } from "@cluster-os/std/drivers";

/** Number of CAP_SYS_TIME (linux/capability.h). */
const CAP_SYS_TIME = 25n;

/**
 * Whether this machine may set its clock, by what process 1 may: the asking process may have given the right up. In a
 * container, the clock is the host's.
 */
export async function canSetClock(root: string = "/"): Promise<boolean> {
  const status = (await readFileIfExists(`${root}proc/1/status`))?.toString("utf8") ?? "";
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return bounding !== undefined && ((BigInt(`0x${bounding}`) >> CAP_SYS_TIME) & 1n) === 1n;
}
