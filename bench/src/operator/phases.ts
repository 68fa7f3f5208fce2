import type { Look } from "./operator-process.ts";
import { total } from "./samples.ts";

/** What the operator did between two looks. */
export interface Deeds {
  readonly seconds: number;
  readonly reconciles: number;
  /** Reconciles that failed and were put back. */
  readonly retries: number;
  readonly patches: number;
  /** Events: what it tells people. */
  readonly posts: number;
  /** Renewals of its own lease. */
  readonly puts: number;
  readonly deletes: number;
  /** Lists and watches. */
  readonly gets: number;
  /** How long the API took to answer a patch, on average, in milliseconds; NaN if there was none. */
  readonly answerMs: number;
  /** Of a core. */
  readonly cpuShare: number;
}

export function deedsBetween(before: Look, after: Look): Deeds {
  const grown = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    total(after.samples, name, labels) - total(before.samples, name, labels);
  const patch = { verb: "PATCH" };
  const requests = (method: string): number => grown("rest_client_requests_total", { method });
  const seconds = (after.at - before.at) / 1000;
  return {
    seconds,
    reconciles: grown("controller_runtime_reconcile_total"),
    retries: grown("workqueue_retries_total"),
    patches: requests("PATCH"),
    posts: requests("POST"),
    puts: requests("PUT"),
    deletes: requests("DELETE"),
    gets: requests("GET"),
    answerMs: (1000 * grown("rest_client_request_duration_seconds_sum", patch)) / requests("PATCH"),
    cpuShare: (after.usage.ticks - before.usage.ticks) / 100 / seconds,
  };
}

/** Writes that are not the renewal of its own lease. */
export function writesOf({ patches, posts, deletes }: Deeds): number {
  return patches + posts + deletes;
}

export interface Phase {
  readonly name: string;
  readonly deeds: Deeds;
  readonly after: Look;
}

export const PHASE_HEADERS = [
  "while",
  "time (s)",
  "reconciles (1)",
  "retries (1)",
  "patches (1)",
  "events (1)",
  "reads (1)",
  "API's answer (ms)",
  "CPU (% of a core)",
  "PSS (MiB)",
  "RSS (MiB)",
  "charged (MiB)",
] as const;

export function phaseRow({ name, deeds, after }: Phase): readonly string[] {
  const { seconds, reconciles, retries, patches, posts, gets, answerMs, cpuShare } = deeds;
  return [
    name,
    seconds.toFixed(0),
    ...[reconciles, retries, patches, posts, gets].map(String),
    Number.isNaN(answerMs) ? "" : answerMs.toFixed(0),
    (cpuShare * 100).toFixed(1),
    ...[after.usage.pssKib * 1024, after.usage.rssKib * 1024, after.charged].map((bytes) =>
      (bytes / 2 ** 20).toFixed(0),
    ),
  ];
}
