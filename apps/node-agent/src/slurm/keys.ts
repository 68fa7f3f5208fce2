import type { SlurmKey, SlurmKeys } from "@cluster-os/api";

/** Keys as they lie on this machine. */
export interface KeyFiles {
  /** The one that munged signs with. */
  readonly current?: Uint8Array | undefined;
  /** The one that lies ready. */
  readonly next?: Uint8Array | undefined;
}

export type KeyAction =
  /** Lay a key ready beside the one in use. */
  | { readonly kind: "stage-key"; readonly key: SlurmKey }
  /** Nothing is to lie ready any more. */
  | { readonly kind: "drop-staged-key" }
  /** Sign with this key from now on. */
  | { readonly kind: "use-key"; readonly key: SlurmKey };

/**
 * What to do with the keys at `wallTimeMs` (Unix ms). From the agreed instant on the next key signs, on every machine that was
 * there and on every one that comes later. The wall clock is the one clock that machines share; chrony keeps it.
 */
export function planKeys(files: KeyFiles, keys: SlurmKeys, wallTimeMs: number): readonly KeyAction[] {
  const { next } = keys;
  const key = keyAt(keys, wallTimeMs);
  const staged = next !== undefined && next !== key ? next : undefined;
  const actions: KeyAction[] = [];
  if (staged && !isSame(files.next, staged.secret)) actions.push({ kind: "stage-key", key: staged });
  if (!isSame(files.current, key.secret)) actions.push({ kind: "use-key", key });
  if (!staged && files.next !== undefined) actions.push({ kind: "drop-staged-key" });
  return actions;
}

/** Milliseconds until another key signs; undefined when no instant is agreed on, or it has passed. */
export function switchInMs({ next, switchAt }: SlurmKeys, wallTimeMs: number): number | undefined {
  if (next === undefined || switchAt === undefined) return undefined;
  const inMs = Date.parse(switchAt) - wallTimeMs;
  return inMs > 0 ? inMs : undefined;
}

/** Generations of the keys on this machine; a key that is none of the cluster's has none. */
export function generationsOf(
  files: KeyFiles,
  keys: SlurmKeys,
): { readonly current?: number; readonly next?: number } {
  const generationOf = (secret: Uint8Array | undefined): number | undefined =>
    [keys.current, ...(keys.next ? [keys.next] : [])].find((key) => isSame(secret, key.secret))?.generation;
  const current = generationOf(files.current);
  const next = generationOf(files.next);
  return { ...(current !== undefined && { current }), ...(next !== undefined && { next }) };
}

function keyAt({ current, next, switchAt }: SlurmKeys, wallTimeMs: number): SlurmKey {
  return next !== undefined && switchAt !== undefined && wallTimeMs >= Date.parse(switchAt) ? next : current;
}

function isSame(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && Buffer.compare(left, right) === 0;
}
