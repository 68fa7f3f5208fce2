/** What a reconcile answers: the key is as wished for now, or should be looked at again after some time. */
export type Outcome = { readonly kind: "done" } | { readonly kind: "again"; readonly afterMs: number };

/** Nothing is left to do until the key is enqueued anew. */
export const DONE: Outcome = { kind: "done" };

/** Looks at the key again after `afterMs` milliseconds, without counting this as a failure. */
export function again(afterMs: number): Outcome {
  return { kind: "again", afterMs };
}

/**
 * Brings what `key` names to what is wished. It looks at the whole state, never at what changed, so it may run at any
 * time and any number of times. Undefined means {@link DONE}; an error means a retry with back-off, unless it is a
 * {@link TerminalError}. When `signal` is aborted it must settle soon.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Outcome | void>;

/** A failure that no retry can mend: the key rests until it is enqueued anew, by a change of the object for example. */
export class TerminalError extends Error {
  override readonly name: string = "TerminalError";
}
