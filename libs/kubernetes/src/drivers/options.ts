import type { Clock, Logger, Rng } from "@cluster-os/std";
import { CERTIFICATE_LIFE_MS } from "../plan/certificates.ts";
import { Balancer } from "./balancer.ts";
import type { Context } from "./context.ts";
import type { Host } from "./host.ts";

export interface DistributionOptions {
  readonly host: Host;
  readonly clock: Clock;
  /** Makes tokens and keys: has to be the kernel's outside of tests. */
  readonly rng: Rng;
  readonly logger: Logger;
  /** The mesh's interface, `cos0`. */
  readonly meshInterface: string;
  /** How long certificates live that are made for servers, in milliseconds. Default: a year. */
  readonly certificateLifeMs?: number;
}

/** However much hangs on the machine, a reset comes to an end, and may be tried again. */
export const RESET_TIMEOUT_MS = 120_000;

/** What a driver's acts work with. `prepare` is kept once it got through: callers ask at every turn. */
export function makeContext(
  options: DistributionOptions,
  prepareMachine: (context: Pick<Context, "host">, signal: AbortSignal) => Promise<void>,
): Context {
  let prepared: Promise<void> | undefined;
  const prepare = (signal: AbortSignal): Promise<void> => {
    prepared ??= prepareMachine(options, signal).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  };
  const { certificateLifeMs = CERTIFICATE_LIFE_MS } = options;
  return { ...options, certificateLifeMs, balancer: new Balancer(options.host), prepare };
}
