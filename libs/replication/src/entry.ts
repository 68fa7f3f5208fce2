import { createHash } from "node:crypto";
import { encodeCbor } from "@cluster-os/identity";
import { compareText, fromHex, toHex } from "@cluster-os/std";
import { z } from "zod";

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

/** Bytes that are no manifest, or not all of one. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

export function hashOf(bytes: Uint8Array): Hash {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Whether two snapshots are the same directory, whenever they were taken. */
export function sameEntries(left: readonly Entry[], right: readonly Entry[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((entry, at) => {
    const other = right[at];
    return other !== undefined && sameEntry(entry, other);
  });
}

export function sameEntry(left: Entry, right: Entry): boolean {
  if (left === right) return true;
  if (left.path !== right.path) return false;
  if (left.kind === "link") return right.kind === "link" && left.target === right.target;
  if (left.kind === "folder") return right.kind === "folder" && left.mode === right.mode;
  // The hash of the whole says what its blocks are.
  return (
    right.kind === "file" && left.mode === right.mode && left.size === right.size && left.hash === right.hash
  );
}

/** Puts entries into the one order that manifests have. */
export function sortEntries(entries: readonly Entry[]): readonly Entry[] {
  return [...entries].sort((left, right) => compareText(left.path, right.path));
}

const Bytes32 = z.instanceof(Uint8Array).refine(({ length }) => length === 32);
const Mode = z.int().min(0).max(0o7777);
const Path = z.string().max(4096).refine(isSafePath);
/** An entry as `encodeEntry` writes it, decoded. */
export const PackedEntry = z.union([
  z.tuple([z.literal(0), Path, Mode]),
  z.tuple([z.literal(1), Path, Mode, z.int().min(0), Bytes32, z.array(Bytes32)]),
  z.tuple([z.literal(2), Path, z.string().min(1).max(4096)]),
]);
const encoded = new WeakMap<Entry, Uint8Array>();

/** CBOR. Remembered for as long as the entry: from one snapshot to the next, most of a directory is the same. */
export function encodeEntry(entry: Entry): Uint8Array {
  const known = encoded.get(entry);
  if (known) return known;
  const bytes = encodeCbor(packEntry(entry));
  encoded.set(entry, bytes);
  return bytes;
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

/** Throws ManifestError when size and blocks do not go together. */
export function unpackEntry(packed: z.infer<typeof PackedEntry>): Entry {
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
