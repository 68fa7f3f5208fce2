import { backoffMs, type BackoffPolicy, type Rng } from "@cluster-os/std";
import type { KubeError } from "../client/error.ts";

/**
 * - list: everything, anew;
 * - watch: what happens after the last version that was seen;
 * - audit: everything as it was at that version, which is what the store holds unless an event was lost.
 */
export type Act = "list" | "watch" | "audit";

/** How an act ended: as it should ("stalled": a watch that ended at once, with nothing in it), or not. */
export type Ending = "done" | "stalled" | "stale" | KubeError;

export interface NextAct {
  readonly act: Act;
  /** After so many milliseconds. */
  readonly afterMs: number;
  /** Endings in a row that were not as they should be. */
  readonly failures: number;
}

/** The first try after a failure comes soon: most are one connection that broke. */
export const BACKOFF: BackoffPolicy = { initialMs: 100, maxMs: 30_000, factor: 2 };

/** So many stale lists in a row are no slow server but a cluster that was restored from a backup. */
export const STALE_LISTS = 5;

/** What an informer does next after `act` ended so. */
export function planNext(
  act: Act,
  ending: Ending,
  now: { readonly failures: number; readonly isAuditDue: boolean; readonly backoff: BackoffPolicy },
  rng: Rng,
): NextAct {
  if (ending === "done") {
    // A list that went well proves nothing of the watch: both by turns, at once, would be a storm.
    if (act !== "watch") return { act: "watch", afterMs: 0, failures: now.failures };
    return { act: now.isAuditDue ? "audit" : "watch", afterMs: 0, failures: 0 };
  }
  const failures = now.failures + 1;
  const afterMs = backoffMs(now.backoff, failures, rng);
  if (ending === "stalled") return { act: "watch", afterMs, failures };
  if (ending === "stale") return { act: "list", afterMs, failures };
  // What is asked for is no longer kept, whichever act asked. The first time there is nothing to wait for.
  if (ending.isExpired) return { act: "list", afterMs: failures === 1 ? 0 : afterMs, failures };
  const wait = Math.max(afterMs, ending.retryAfterMs ?? 0);
  if (act === "list") return { act: "list", afterMs: wait, failures };
  // Where every watch is cut (a proxy that allows them a minute), none ends well, and there would be no audit ever. A server
  // that refuses has enough to do; and an audit that failed can wait for the next time: the watch is what matters.
  const isCut = act === "watch" && ending.status === undefined;
  return { act: isCut && now.isAuditDue ? "audit" : "watch", afterMs: wait, failures };
}

/**
 * Whether `version` is at or before `seen`: that, and all before it, is known. Versions are numbers that grow with every
 * write; two that are none cannot be compared, and count as new.
 */
export function isSeen(version: string | undefined, seen: string | undefined): boolean {
  if (version === undefined || seen === undefined) return false;
  if (!NUMBER.test(version) || !NUMBER.test(seen)) return false;
  return version.length === seen.length ? version <= seen : version.length < seen.length;
}

const NUMBER = /^(0|[1-9][0-9]*)$/;
