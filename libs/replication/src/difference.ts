import { decodeCbor, encodeCbor, encodeCborArray } from "@cluster-os/identity";
import { compareText, concatBytes } from "@cluster-os/std";
import { z } from "zod";
import { encodeEntry, ManifestError, PackedEntry, sameEntry, unpackEntry, type Entry } from "./entry.ts";
import {
  CHECKSUM_BYTES,
  checksumOf,
  checkTree,
  ReplicaIds,
  type Manifest,
  type ReplicaId,
} from "./manifest.ts";
import type { ReplicationRules } from "./rules.ts";

const VERSION = 1;

/** Between two snapshots of one leader and epoch. */
interface Difference {
  readonly replicas: readonly ReplicaId[];
  /** Paths of what is there no longer. */
  readonly gone: readonly string[];
  /** What is new or another, sorted by path. */
  readonly changed: readonly Entry[];
}

/**
 * What to make of `base` to have `next`: of the same leader and epoch. Then the SHA-256 that `next` ends with, so that nothing else
 * can be made of it unnoticed.
 */
export function encodeDifference(base: Manifest, next: Manifest): Uint8Array {
  const { gone, changed } = compare(base.entries, next.entries);
  const fields = [VERSION, next.replicas, gone].map(encodeCbor);
  return concatBytes(
    encodeCborArray([...fields, encodeCborArray(changed.map(encodeEntry))]),
    checksumOf(next),
  );
}

/** Snapshot `sequence`, to which its leader made the difference. Throws ManifestError when that does not come of it. */
export function applyDifference(
  base: Manifest,
  sequence: number,
  bytes: Uint8Array,
  { isRebuilt }: Pick<ReplicationRules, "isRebuilt">,
): Manifest {
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  const { replicas, gone, changed } = parse(body);
  const entries = merge(base.entries, new Set(gone), changed);
  checkTree(entries);
  const manifest = { ...base, sequence, replicas, entries };
  if (!isRebuilt(checksumOf(manifest), bytes.subarray(body.length))) {
    throw new ManifestError("a difference that does not make what its leader has");
  }
  return manifest;
}

/** Both are sorted. */
function compare(before: readonly Entry[], after: readonly Entry[]): Pick<Difference, "gone" | "changed"> {
  const gone: string[] = [];
  const changed: Entry[] = [];
  let at = 0;
  for (const entry of after) {
    let old = before[at];
    for (; old && compareText(old.path, entry.path) < 0; old = before[(at += 1)]) gone.push(old.path);
    const isThere = old?.path === entry.path;
    if (isThere) at += 1;
    if (!old || !isThere || !sameEntry(old, entry)) changed.push(entry);
  }
  return { gone: [...gone, ...before.slice(at).map(({ path }) => path)], changed };
}

/** Sorted if both are. What is the same stays the same object, and need not be encoded again. */
function merge(
  before: readonly Entry[],
  gone: ReadonlySet<string>,
  changed: readonly Entry[],
): readonly Entry[] {
  const entries: Entry[] = [];
  let at = 0;
  for (const old of before) {
    let next = changed[at];
    for (; next && compareText(next.path, old.path) < 0; next = changed[(at += 1)]) entries.push(next);
    if (next?.path !== old.path && !gone.has(old.path)) entries.push(old);
  }
  return [...entries, ...changed.slice(at)];
}

const Body = z.tuple([z.literal(VERSION), ReplicaIds, z.array(z.string()), z.array(PackedEntry)]);

function parse(body: Uint8Array): Difference {
  try {
    const [, replicas, gone, packed] = Body.parse(decodeCbor(body));
    return { replicas, gone, changed: packed.map(unpackEntry) };
  } catch (cause) {
    throw new ManifestError("a difference that is malformed", { cause });
  }
}
