import type { Instant } from "@cluster-os/std";
import type { ObjectReference } from "../well-known.ts";

export interface Occurrence {
  readonly regarding: ObjectReference;
  readonly type: "Normal" | "Warning";
  /** Why, in one word for programs: "NodeLeft". */
  readonly reason: string;
  /** What was done, in one word: "Cordon". */
  readonly action: string;
  /** A sentence for people; of a series, the first one stands. */
  readonly note: string;
}

export type EventWrite =
  | { readonly kind: "create"; readonly name: string }
  | { readonly kind: "repeat"; readonly name: string; readonly count: number }
  | { readonly kind: "drop" };

interface Series {
  readonly name: string;
  count: number;
  lastAt: Instant;
}

interface Allowance {
  tokens: number;
  filledAt: Instant;
}

/** client-go's limits (tools/events, tools/record): a series rests for six minutes; 25 events of an object at once. */
const SERIES_MS = 6 * 60_000;
const BURST = 25;
const REFILL_MS = 5 * 60_000;
const REMEMBERED = 4096;

/**
 * Which occurrences become events: the same again becomes a count on the first one, and an object that has no end of them
 * is cut off. Pure: time is an argument.
 */
export class EventBook {
  readonly #series = new Map<string, Series>();
  readonly #allowances = new Map<string, Allowance>();

  /** `newName` is called for the name of a new event. */
  record(occurrence: Occurrence, now: Instant, newName: () => string): EventWrite {
    const { regarding, type, reason, action } = occurrence;
    const { apiVersion, kind, namespace, name, uid } = regarding;
    const object = JSON.stringify([apiVersion, kind, namespace, name, uid]);
    const key = JSON.stringify([object, type, reason, action]);
    const known = this.#series.get(key);
    const isRunning = known !== undefined && now - known.lastAt < SERIES_MS;
    const series = isRunning ? known : { name: newName(), count: 0, lastAt: now };
    series.count += 1;
    series.lastAt = now;
    remember(this.#series, key, series);
    if (this.#isSpam(object, now)) {
      // Nothing to repeat: the next one is to be created.
      if (!isRunning) this.#series.delete(key);
      return { kind: "drop" };
    }
    if (!isRunning) return { kind: "create", name: series.name };
    return { kind: "repeat", name: series.name, count: series.count };
  }

  #isSpam(object: string, now: Instant): boolean {
    const { tokens, filledAt } = this.#allowances.get(object) ?? { tokens: BURST, filledAt: now };
    const filled = Math.min(BURST, tokens + (now - filledAt) / REFILL_MS);
    const isSpam = filled < 1;
    remember(this.#allowances, object, { tokens: isSpam ? filled : filled - 1, filledAt: now });
    return isSpam;
  }
}

/** Sets the newest, and drops the one that was not used for longest when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value as string);
}
