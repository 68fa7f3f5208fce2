/** A programmer's error: something that the code relies on does not hold. It is never caught and handled. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Throws {@link InvariantError} unless `condition` holds. `reason` says why it must hold. Stays on in production. */
export function invariant(condition: unknown, reason: string): asserts condition {
  if (!condition) throw new InvariantError(reason);
}
