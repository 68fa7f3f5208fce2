import { createHash } from "node:crypto";
import { decodeCbor, encodeCbor } from "@cluster-os/identity";
import { compareText, concatBytes, equalBytes, fromHex, toHex } from "@cluster-os/std";
import { z } from "zod";
import type { Position } from "./position.ts";

/** A machine in a replica set, such as a node name. */
export type ReplicaId = string;

/** SHA-256 as 64 hexadecimal digits. */
export type Hash = string;

/** Files are kept in blocks of so many bytes: what is unchanged of a large file is neither sent nor stored again. */
export const BLOCK_BYTES = 1024 * 1024;

/** One thing in the directory. Paths are relative, with `/`, in the order of their code units. */
export type Entry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      /** In bytes. */
      readonly size: number;
      /** Of the whole content. */
      readonly hash: Hash;
      /** Of each block of {@link BLOCK_BYTES}, in order; the last one may be shorter. None for an empty file. */
      readonly blocks: readonly Hash[];
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** The whole directory at one moment, and whose word it is. What a snapshot consists of besides is blocks. */
export interface Manifest extends Position {
  /** Which directory, for example "slurmctld". */
  readonly name: string;
  readonly leader: ReplicaId;
  /** Who keeps it, from this snapshot on. */
  readonly replicas: readonly ReplicaId[];
  readonly entries: readonly Entry[];
}

/** Bytes that are no manifest, or not all of one. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

export function hashOf(bytes: Uint8Array): Hash {
  return createHash("sha256").update(bytes).digest("hex");
}

const VERSION = 1;
const CHECKSUM_BYTES = 32;

/** Deterministic CBOR, then its SHA-256: a torn or changed manifest is noticed before anything in it is believed. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { name, epoch, sequence, leader, replicas, entries } = manifest;
  const body = encodeCbor([VERSION, name, epoch, sequence, leader, replicas, entries.map(packEntry)]);
  return concatBytes(body, fromHex(hashOf(body)));
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

/** Whether two snapshots are the same directory, whenever they were taken. */
export function sameEntries(left: readonly Entry[], right: readonly Entry[]): boolean {
  return equalBytes(encodeCbor(left.map(packEntry)), encodeCbor(right.map(packEntry)));
}

/** Puts entries into the one order that manifests have. */
export function sortEntries(entries: readonly Entry[]): readonly Entry[] {
  return [...entries].sort((left, right) => compareText(left.path, right.path));
}

const Bytes32 = z.instanceof(Uint8Array).refine(({ length }) => length === 32);
const Mode = z.int().min(0).max(0o7777);
const Path = z.string().max(4096).refine(isSafePath);
const Packed = z.union([
  z.tuple([z.literal(0), Path, Mode]),
  z.tuple([z.literal(1), Path, Mode, z.int().min(0), Bytes32, z.array(Bytes32)]),
  z.tuple([z.literal(2), Path, z.string().min(1).max(4096)]),
]);
export const ReplicaIds = z.array(z.string().min(1).max(253)).min(1).max(64);
const Body = z.tuple([
  z.literal(VERSION),
  z.string().min(1).max(64),
  z.int().min(0),
  z.int().min(1),
  z.string().min(1).max(253),
  ReplicaIds,
  z.array(Packed),
]);

function parse(body: Uint8Array): z.infer<typeof Body> {
  try {
    return Body.parse(decodeCbor(body));
  } catch (cause) {
    throw new ManifestError("a manifest that is malformed", { cause });
  }
}

function packEntry(entry: Entry): readonly unknown[] {
  switch (entry.kind) {
    case "folder":
      return [0, entry.path, entry.mode];
    case "file": {
      const isOne = entry.blocks.length === 1 && entry.blocks[0] === entry.hash;
      return [
        1,
        entry.path,
        entry.mode,
        entry.size,
        fromHex(entry.hash),
        isOne ? [] : entry.blocks.map(fromHex),
      ];
    }
    case "link":
      return [2, entry.path, entry.target];
  }
}

function unpackEntry(packed: z.infer<typeof Packed>): Entry {
  if (packed[0] === 0) return { kind: "folder", path: packed[1], mode: packed[2] };
  if (packed[0] === 2) return { kind: "link", path: packed[1], target: packed[2] };
  const [, path, mode, size, raw, blocks] = packed;
  const hash = toHex(raw);
  const count = Math.ceil(size / BLOCK_BYTES);
  // The only block of a small file is the file.
  const all = count === 1 && blocks.length === 0 ? [hash] : blocks.map(toHex);
  if (all.length !== count) throw new ManifestError(`${path} has ${size} bytes in ${all.length} blocks`);
  return { kind: "file", path, mode, size, hash, blocks: all };
}

/** Whether a path stays below the directory. */
export function isSafePath(path: string): boolean {
  return (
    !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

/** Sorted, each path once, and everything in a folder that is listed: nothing can be written through a link. */
function checkTree(entries: readonly Entry[]): void {
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
