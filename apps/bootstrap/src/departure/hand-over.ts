import type { Retiring } from "@cluster-os/api";
import type { Clock } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import { PeerApiError } from "../peer-api/protocol.ts";
import { planDeparture, type DepartureObserved } from "./plan.ts";

export interface HandOverOptions {
  /** Everything the plan looks at but what is decided here. */
  readonly observe: (mayReduce: boolean) => Omit<DepartureObserved, "isRetiring" | "mayReduce">;
  /** Tells the others that this machine is to serve no more; undefined: that it may, as before. */
  readonly retire: (how: Retiring | undefined) => void;
  /** Hears what is waited for, when that changes. */
  readonly onWait: (reason: string) => void;
  readonly clock: Clock;
  /** After so many milliseconds it is given up, and the machine stays what it is. */
  readonly timeoutMs: number;
  readonly everyMs: number;
}

/**
 * Resolves once this machine has no part in the control plane. When it is refused, gets stuck or is called off, the
 * machine stays: the others hear that it may serve as before, and autopilot gives it whatever place is free.
 */
export async function handOver(
  options: HandOverOptions,
  { anyway }: { readonly anyway: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { observe, retire, onWait, clock, timeoutMs, everyMs } = options;
  const deadline = clock.now() + timeoutMs;
  let isRetiring = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const step = planDeparture({ ...observe(anyway), isRetiring, mayReduce: anyway });
      switch (step.kind) {
        case "go":
          return;
        case "refuse":
          throw new PeerApiError(step.status, step.reason);
        case "retire":
          retire(anyway ? "anyway" : "when-replaced");
          isRetiring = true;
          break;
        case "wait":
          onWait(step.reason);
          if (clock.now() > deadline)
            throw new PeerApiError(503, `it could not hand its place over in time: ${step.reason}`);
          await delay(everyMs, signal);
          break;
        default:
          step satisfies never;
      }
    }
  } catch (error) {
    if (isRetiring) retire(undefined);
    throw error;
  }
}
