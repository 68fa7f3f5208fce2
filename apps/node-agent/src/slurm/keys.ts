import { createHash } from "node:crypto";
import { signingKeyAt, type SlurmKey, type SlurmKeys, type SlurmNodeStatus } from "@cluster-os/api";

/** Which keys are at work on this machine, by {@link secretDigest}: what is reported of keys comes from this, whatever signs. */
export interface KeysAtWork {
  /** The one that signs. */
  readonly signing?: string | undefined;
  /** Those that lie ready, or are believed besides. */
  readonly others: readonly string[];
}

/** munge's keys as they lie on this machine. */
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
 * What to do with munge's keys at `wallTimeMs` (Unix ms). From the agreed instant on the next key signs, on every machine that was
 * there and on every one that comes later. The wall clock is the one clock that machines share; chrony keeps it.
 */
export function planKeys(files: KeyFiles, keys: SlurmKeys, wallTimeMs: number): readonly KeyAction[] {
  const { next } = keys;
  const key = signingKeyAt(keys, wallTimeMs);
  const staged = next !== undefined && next !== key ? next : undefined;
  const actions: KeyAction[] = [];
  if (staged && !isSame(files.next, staged.secret)) actions.push({ kind: "stage-key", key: staged });
  if (!isSame(files.current, key.secret)) actions.push({ kind: "use-key", key });
  if (!staged && files.next !== undefined) actions.push({ kind: "drop-staged-key" });
  return actions;
}

/** munged has read what lies there: it is started anew whenever that changes. */
export function atWorkWithMunge({ current, next }: KeyFiles): KeysAtWork {
  return { signing: current && keyDigest(current), others: next ? [keyDigest(next)] : [] };
}

/** Milliseconds until another key signs; undefined when no instant is agreed on, or it has passed. */
export function switchInMs({ next, switchAt }: SlurmKeys, wallTimeMs: number): number | undefined {
  if (next === undefined || switchAt === undefined) return undefined;
  const inMs = Date.parse(switchAt) - wallTimeMs;
  return inMs > 0 ? inMs : undefined;
}

/** Generations of the keys at work on this machine; a key that is none of the cluster's has none. */
export function generationsOf(
  { signing, others }: KeysAtWork,
  { current, next }: SlurmKeys,
): NonNullable<SlurmNodeStatus["keyGenerations"]> {
  const signs = [current, ...(next ? [next] : [])].find(({ secret }) => keyDigest(secret) === signing);
  const isReady = next !== undefined && next !== signs && others.includes(keyDigest(next.secret));
  return { ...(signs && { current: signs.generation }), ...(isReady && { next: next.generation }) };
}

export function keyDigest(secret: Uint8Array): string {
  return secretDigest("slurm-key", secret);
}

/** Of a secret with its use, so that it can be told whether it is in place and never be read. 128 bits, in hex. */
export function secretDigest(use: "slurm-key" | "slurm-token-key", secret: Uint8Array): string {
  return createHash("sha256").update(`cluster-os/${use}\0`).update(secret).digest("hex").slice(0, 32);
}

function isSame(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && Buffer.compare(left, right) === 0;
}
