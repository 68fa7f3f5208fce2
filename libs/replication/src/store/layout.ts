import type { Hash } from "../entry.ts";
import { encodeManifest, type Manifest } from "../manifest.ts";
import type { Position } from "../position.ts";
import type { KeptPromise } from "../protocol.ts";
import { encodePromise } from "./inventory.ts";

/**
 * One thing that is done to the disk. Paths are relative to the store's folder. Nothing is on disk for good before `sync` names it,
 * and no name in a folder before `sync-folder` does.
 */
export type DiskStep =
  | { readonly kind: "make-folder"; readonly path: string }
  /** Creates or replaces a file. */
  | { readonly kind: "write"; readonly path: string; readonly bytes: Uint8Array }
  /** All of these, in any order. */
  | { readonly kind: "sync"; readonly paths: readonly string[] }
  | { readonly kind: "sync-folder"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  /** A file that is not there is no error. */
  | { readonly kind: "remove"; readonly path: string };

/*
 * promise                          the epoch and leader that are followed
 * blocks/ab/abcd...                each named by the SHA-256 of its content
 * manifests/0000000003-0000000041  epoch and sequence; what is listed here is whole
 */
export const PROMISE_FILE = "promise";
export const BLOCKS_FOLDER = "blocks";
export const MANIFESTS_FOLDER = "manifests";

const EPOCH_DIGITS = 10;
const SEQUENCE_DIGITS = 16;

export function blockFolder(hash: Hash): string {
  return `${BLOCKS_FOLDER}/${hash.slice(0, 2)}`;
}

export function blockPath(hash: Hash): string {
  return `${blockFolder(hash)}/${hash}`;
}

export function manifestFile({ epoch, sequence }: Position): string {
  return `${String(epoch).padStart(EPOCH_DIGITS, "0")}-${String(sequence).padStart(SEQUENCE_DIGITS, "0")}`;
}

/** The position that a manifest's file name says; undefined for any other name. */
export function manifestPosition(file: string): Position | undefined {
  const [, epoch, sequence] = /^(\d{10})-(\d{16})$/.exec(file) ?? [];
  return epoch === undefined ? undefined : { epoch: Number(epoch), sequence: Number(sequence) };
}

/** An empty store. */
export function foundingSteps(): readonly DiskStep[] {
  return [
    { kind: "make-folder", path: BLOCKS_FOLDER },
    { kind: "make-folder", path: MANIFESTS_FOLDER },
    { kind: "sync-folder", path: "." },
  ];
}

export function promiseSteps(promise: KeptPromise): readonly DiskStep[] {
  return replaceSteps(".", PROMISE_FILE, encodePromise(promise));
}

/** A block under its name at once: a torn one is found out by its content, and no manifest needs it yet. */
export function putSteps(hash: Hash, bytes: Uint8Array): readonly DiskStep[] {
  return [
    { kind: "make-folder", path: blockFolder(hash) },
    { kind: "write", path: blockPath(hash), bytes },
  ];
}

/**
 * The manifest last: `fresh` are the blocks that were put since the last commit. First their content, then their names, then the
 * manifest's content, then its name. A crash before the last rename leaves the snapshot before it, after it this one.
 */
export function commitSteps(manifest: Manifest, fresh: readonly Hash[]): readonly DiskStep[] {
  const folders = [...new Set(fresh.map(blockFolder))];
  const blocks: readonly DiskStep[] =
    fresh.length === 0
      ? []
      : [
          { kind: "sync", paths: fresh.map(blockPath) },
          ...folders.map((path): DiskStep => ({ kind: "sync-folder", path })),
          { kind: "sync-folder", path: BLOCKS_FOLDER },
        ];
  return [...blocks, ...replaceSteps(MANIFESTS_FOLDER, manifestFile(manifest), encodeManifest(manifest))];
}

/** Manifests first: none is listed without its blocks, at any moment. */
export function discardSteps(positions: readonly Position[], hashes: readonly Hash[]): readonly DiskStep[] {
  if (positions.length + hashes.length === 0) return [];
  return [
    ...positions.map((position): DiskStep => ({
      kind: "remove",
      path: `${MANIFESTS_FOLDER}/${manifestFile(position)}`,
    })),
    { kind: "sync-folder", path: MANIFESTS_FOLDER },
    ...hashes.map((hash): DiskStep => ({ kind: "remove", path: blockPath(hash) })),
  ];
}

function replaceSteps(folder: string, file: string, bytes: Uint8Array): readonly DiskStep[] {
  const path = folder === "." ? file : `${folder}/${file}`;
  const draft = `${path}.new`;
  return [
    { kind: "write", path: draft, bytes },
    { kind: "sync", paths: [draft] },
    { kind: "rename", from: draft, to: path },
    { kind: "sync-folder", path: folder },
  ];
}
