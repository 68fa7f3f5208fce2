import { randomInteger, type Rng } from "@cluster-os/std";

/** What can go wrong with a request before anything is answered. */
export type RequestFault =
  | { readonly kind: "reset" }
  | { readonly kind: "status"; readonly code: number; readonly retryAfterSeconds?: number }
  /** A list as it was so many versions ago. */
  | { readonly kind: "stale"; readonly versions: number }
  | { readonly kind: "slow"; readonly ms: number };

/** What can go wrong with a watch that is open. */
export type WatchFault =
  | { readonly kind: "reset" }
  /** The connection ends as it should, in the middle of a line. */
  | { readonly kind: "truncate" }
  | { readonly kind: "error"; readonly code: number }
  /** The last events once more, after newer ones. */
  | { readonly kind: "replay"; readonly count: number }
  /** Nothing more comes, and nothing says so. */
  | { readonly kind: "silence" }
  | { readonly kind: "end" };

/** Decides what goes wrong. Undefined: nothing. */
export interface Faults {
  request(verb: string): RequestFault | undefined;
  /** Asked after every event that is sent. */
  watch(): WatchFault | undefined;
}

export const NO_FAULTS: Faults = { request: () => undefined, watch: () => undefined };

/** Everything goes wrong now and then: one read in `readsPer`, and one watch event in `eventsPer`. A seed replays it. */
export function randomFaults(
  rng: Rng,
  { readsPer, eventsPer }: { readonly readsPer: number; readonly eventsPer: number },
): Faults {
  const pick = <T>(items: readonly T[]): T => items[randomInteger(rng, items.length)] as T;
  return {
    request: (verb) => {
      if (rng.fraction() >= 1 / readsPer) return undefined;
      const faults: RequestFault[] = [
        { kind: "reset" },
        { kind: "status", code: 410 },
        { kind: "status", code: 429, retryAfterSeconds: 0 },
        { kind: "status", code: 500 },
        { kind: "status", code: 503 },
        { kind: "slow", ms: 20 },
      ];
      return pick(verb === "list" ? [...faults, { kind: "stale", versions: 400 }] : faults);
    },
    watch: () => {
      if (rng.fraction() >= 1 / eventsPer) return undefined;
      return pick<WatchFault>([
        { kind: "reset" },
        { kind: "truncate" },
        { kind: "error", code: 410 },
        { kind: "error", code: 500 },
        { kind: "replay", count: 10 },
        { kind: "silence" },
        { kind: "end" },
      ]);
    },
  };
}
