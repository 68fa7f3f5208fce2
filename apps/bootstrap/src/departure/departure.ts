import type { LeaveAnswer, LeaveRequest, Retiring } from "@cluster-os/api";
import type { Clock } from "@cluster-os/std";
import { readFileIfExists } from "@cluster-os/std/drivers";
import { PeerApiError } from "../peer-api/protocol.ts";
import { begunPath, depart, type DepartureOptions } from "./depart.ts";
import { handOver, type HandOverOptions } from "./hand-over.ts";

export interface DeparturesOptions extends Omit<DepartureOptions, "handOver" | "clusterId"> {
  readonly clusterId: () => string | undefined;
  readonly observe: HandOverOptions["observe"];
  readonly retire: (how: Retiring | undefined) => void;
  readonly clock: Clock;
  readonly patience: number;
}

/** A promotion and a demotion, and the time for which a candidate has to be well. */
const HAND_OVER_TIMEOUT_MS = 600_000;

/** The one departure of this machine. */
export class Departure {
  readonly #options: DeparturesOptions;
  #isUnderWay = false;
  #waitsFor: string | undefined;

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** What a departure that is under way waits for. */
  get waitsFor(): string | undefined {
    return this.#waitsFor;
  }

  async leave({ anyway = false }: LeaveRequest, signal: AbortSignal): Promise<LeaveAnswer> {
    if (this.#isUnderWay) throw new PeerApiError(409, "this machine is leaving already");
    const { clusterId, observe, retire, clock, patience, logger } = this.#options;
    this.#isUnderWay = true;
    const onWait = (reason: string): void => {
      if (reason !== this.#waitsFor) logger.info("leaving waits", { for: reason });
      this.#waitsFor = reason;
    };
    const options: HandOverOptions = {
      observe,
      retire,
      onWait,
      clock,
      timeoutMs: HAND_OVER_TIMEOUT_MS * patience,
      everyMs: 500,
    };
    try {
      return await depart(
        {
          ...this.#options,
          clusterId: clusterId(),
          handOver: (calledOff) => handOver(options, { anyway }, calledOff),
        },
        signal,
      );
    } finally {
      this.#isUnderWay = false;
      this.#waitsFor = undefined;
    }
  }

  /** After a start: goes on with what was cut off after work had begun to end. */
  async resume(signal: AbortSignal): Promise<void> {
    const { departurePath, logger } = this.#options;
    if ((await readFileIfExists(begunPath(departurePath))) === undefined) return;
    logger.warn("goes on with its departure, which was cut off");
    await this.leave({ anyway: true }, signal);
  }
}
