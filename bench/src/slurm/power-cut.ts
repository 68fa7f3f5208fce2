import type { Machine } from "@cluster-os/lab";
import { delay, waitFor } from "@cluster-os/std/drivers";

/** When jobs were acknowledged, in milliseconds since the power was cut. */
export interface Acknowledged {
  /** Of those that were submitted anew each second, as many users would. */
  readonly newMs: number;
  /** Of those that were submitted one after the other, as one user would: SLURM's programs ask a lost controller for long. */
  readonly repeatedMs: number;
}

export interface PowerCut {
  readonly machine: Machine;
  /** Submits a job elsewhere; says whether it was acknowledged. */
  readonly submit: () => Promise<boolean>;
  readonly timeoutMs: number;
}

/** Cuts a machine's power and submits jobs until one is acknowledged in each manner. `cutAt` is of {@link monotonicMs}. */
export async function cutPower(cut: PowerCut): Promise<Acknowledged & { readonly cutAt: number }> {
  const cutAt = monotonicMs();
  await cut.machine.kill();
  const repeated = waitFor(cut.submit, {
    what: "an acknowledged job",
    timeoutMs: cut.timeoutMs,
    everyMs: 250,
  }).then(() => monotonicMs() - cutAt);
  const [newMs, repeatedMs] = await Promise.all([firstOfMany(cut, cutAt), repeated]);
  return { cutAt, newMs, repeatedMs };
}

/** Begins one each second until one is acknowledged: those that began too early wait for long, and keep no later one. */
async function firstOfMany({ submit, timeoutMs }: PowerCut, cutAt: number): Promise<number> {
  const tries: Promise<number>[] = [];
  for (;;) {
    tries.push(acknowledgedMs(submit, cutAt));
    const pause = delay(1000).then(() => undefined);
    const acknowledged = await Promise.race([Promise.any(tries).catch(() => pause), pause]);
    if (acknowledged !== undefined) return acknowledged;
    if (monotonicMs() - cutAt > timeoutMs) throw new Error("no job is acknowledged");
  }
}

/** When it was acknowledged; rejects where it was not. */
async function acknowledgedMs(submit: PowerCut["submit"], cutAt: number): Promise<number> {
  if (await submit()) return monotonicMs() - cutAt;
  throw new Error("not acknowledged");
}

/** Of the clock that machines of the lab share with this host. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
