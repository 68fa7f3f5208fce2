import { decodeCbor, encodeCbor, encodeCborArray } from "@cluster-os/identity";
import { compareText, concatBytes, equalBytes, fromHex } from "@cluster-os/std";
import { z } from "zod";
import {
  encodeEntry,
  hashOf,
  ManifestError,
  PackedEntry,
  unpackEntry,
  type Entry,
  type Hash,
} from "./entry.ts";
import type { Position } from "./position.ts";

/** A machine in a replica set, such as a node name. */
export type ReplicaId = string;

/** The whole directory at one moment, and whose word it is. What a snapshot consists of besides is blocks. */
export interface Manifest extends Position {
  /** Which directory, for example "slurmctld". */
  readonly name: string;
  readonly leader: ReplicaId;
  /** Who keeps it, from this snapshot on. */
  readonly replicas: readonly ReplicaId[];
  readonly entries: readonly Entry[];
}

const VERSION = 1;
export const CHECKSUM_BYTES = 32;

const encoded = new WeakMap<Manifest, Uint8Array>();

/**
 * Deterministic CBOR, then its SHA-256: a torn or changed manifest is noticed before anything in it is believed. Remembered for as
 * long as the manifest: a leader needs it for its disk and for every follower.
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const known = encoded.get(manifest);
  if (known) return known;
  const { name, epoch, sequence, leader, replicas, entries } = manifest;
  const fields = [VERSION, name, epoch, sequence, leader, replicas].map(encodeCbor);
  const body = encodeCborArray([...fields, encodeCborArray(entries.map(encodeEntry))]);
  const bytes = concatBytes(body, fromHex(hashOf(body)));
  encoded.set(manifest, bytes);
  return bytes;
}

/** The SHA-256 that a manifest ends with. */
export function checksumOf(manifest: Manifest): Uint8Array {
  return encodeManifest(manifest).subarray(-CHECKSUM_BYTES);
}

/** Throws ManifestError for anything that `encodeManifest` did not write, unsafe paths included. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  if (!equalBytes(fromHex(hashOf(body)), bytes.subarray(body.length))) {
    throw new ManifestError("a manifest whose checksum does not match");
  }
  const [, name, epoch, sequence, leader, replicas, packed] = parse(body);
  const entries = packed.map(unpackEntry);
  checkTree(entries);
  return { name, epoch, sequence, leader, replicas, entries };
}

/** Every block that a snapshot consists of. */
export function blocksOf(manifest: Pick<Manifest, "entries">): ReadonlySet<Hash> {
  return new Set(manifest.entries.flatMap((entry) => (entry.kind === "file" ? entry.blocks : [])));
}

export function positionOf({ epoch, sequence }: Position): Position {
  return { epoch, sequence };
}

export const ReplicaIds = z.array(z.string().min(1).max(253)).min(1).max(64);
const Body = z.tuple([
  z.literal(VERSION),
  z.string().min(1).max(64),
  z.int().min(0),
  z.int().min(1),
  z.string().min(1).max(253),
  ReplicaIds,
  z.array(PackedEntry),
]);

function parse(body: Uint8Array): z.infer<typeof Body> {
  try {
    return Body.parse(decodeCbor(body));
  } catch (cause) {
    throw new ManifestError("a manifest that is malformed", { cause });
  }
}

/** Sorted, each path once, and everything in a folder that is listed: nothing can be written through a link. Throws ManifestError. */
export function checkTree(entries: readonly Entry[]): void {
  const folders = new Set<string>();
  let previous: string | undefined;
  for (const { path, kind } of entries) {
    if (previous !== undefined && compareText(previous, path) >= 0) {
      throw new ManifestError(`${path} is out of order`);
    }
    previous = path;
    const slash = path.lastIndexOf("/");
    if (slash >= 0 && !folders.has(path.slice(0, slash))) {
      throw new ManifestError(`${path} is in no folder of the snapshot`);
    }
    if (kind === "folder") folders.add(path);
  }
}
