import type { Instant } from "@cluster-os/std";
import type { Diagnostic } from "./diagnostic.ts";

/** A condition that was not reported again for this long holds no more. */
const HOLDS_FOR_MS = 60_000;
const MAX_CONDITIONS = 100;

/** The conditions that hold now. Each is announced when it begins, not each time it is noticed. */
export class Diagnostics {
  readonly #held = new Map<string, { readonly diagnostic: Diagnostic; readonly until: Instant }>();

  /** Says whether the condition is new and so to be announced. `isLasting` ones hold for the life of the process. */
  note(diagnostic: Diagnostic, now: Instant, isLasting = false): boolean {
    this.#expire(now);
    const name = nameOf(diagnostic);
    const isNew = !this.#held.has(name);
    if (isNew && this.#held.size >= MAX_CONDITIONS) return false;
    this.#held.set(name, { diagnostic, until: isLasting ? Infinity : now + HOLDS_FOR_MS });
    return isNew;
  }

  list(now: Instant): readonly Diagnostic[] {
    this.#expire(now);
    return [...this.#held.values()].map(({ diagnostic }) => diagnostic);
  }

  #expire(now: Instant): void {
    for (const [name, { until }] of this.#held) if (until < now) this.#held.delete(name);
  }
}

/** What makes two conditions the same one: the kind and whom it is about. */
function nameOf(diagnostic: Diagnostic): string {
  switch (diagnostic.kind) {
    case "foreign-tag":
    case "duplicate-identity":
      return `${diagnostic.kind} ${diagnostic.nodeId}`;
    case "other-cluster":
      return `${diagnostic.kind} ${diagnostic.clusterId}`;
    default:
      return diagnostic.kind;
  }
}
