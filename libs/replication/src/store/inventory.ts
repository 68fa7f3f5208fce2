import { decodeCbor, encodeCbor } from "@cluster-os/identity";
import { concatBytes, equalBytes, fromHex } from "@cluster-os/std";
import { z } from "zod";
import { hashOf, type Hash } from "../entry.ts";
import { blocksOf, decodeManifest, positionOf, type Manifest } from "../manifest.ts";
import { comparePositions, type Position } from "../position.ts";
import type { KeptPromise } from "../protocol.ts";
import { manifestPosition } from "./layout.ts";

/** What a machine keeps, after everything was checked. */
export interface Inventory {
  readonly promise: KeptPromise | undefined;
  /** Snapshots that are whole, oldest first. */
  readonly snapshots: readonly Manifest[];
  /** The newest one that is not whole, if it is newer than all that are. */
  readonly lost: Position | undefined;
  /** Blocks that match their names. */
  readonly blocks: readonly Hash[];
}

/** What lies on disk, as read. */
export interface StoreContents {
  readonly promise: Uint8Array | undefined;
  /** By file name. */
  readonly manifests: ReadonlyMap<string, Uint8Array>;
  /** Blocks whose content was read and matches their names. */
  readonly blocks: ReadonlySet<Hash>;
}

/** The file in which a promise is kept cannot be believed. */
export class PromiseError extends Error {
  override readonly name = "PromiseError";
}

export const EMPTY_INVENTORY: Inventory = { promise: undefined, snapshots: [], lost: undefined, blocks: [] };

/**
 * What of it can be used. A manifest that is damaged, or misses a block, is lost, and its name still tells which it was. A damaged
 * promise is an error: a machine that forgets what it promised must not answer.
 */
export function takeInventory({ promise, manifests, blocks }: StoreContents, name: string): Inventory {
  const snapshots: Manifest[] = [];
  const broken: Position[] = [];
  for (const [file, bytes] of manifests) {
    const position = manifestPosition(file);
    if (!position) continue;
    const manifest = readWhole(bytes, position, name, blocks);
    if (manifest) snapshots.push(manifest);
    else broken.push(position);
  }
  snapshots.sort(comparePositions);
  const last = snapshots.at(-1);
  const lost = broken.sort(comparePositions).at(-1);
  const isLost = lost !== undefined && (!last || comparePositions(lost, last) > 0);
  return {
    promise: promise && decodePromise(promise),
    snapshots,
    lost: isLost ? lost : undefined,
    blocks: [...blocks],
  };
}

function readWhole(
  bytes: Uint8Array,
  position: Position,
  name: string,
  blocks: ReadonlySet<Hash>,
): Manifest | undefined {
  try {
    const manifest = decodeManifest(bytes);
    const isIt = manifest.name === name && comparePositions(positionOf(manifest), position) === 0;
    return isIt && [...blocksOf(manifest)].every((hash) => blocks.has(hash)) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

const VERSION = 1;
const CHECKSUM_BYTES = 32;
const PromiseBody = z.tuple([z.literal(VERSION), z.int().min(1), z.string().min(1).max(253)]);

export function encodePromise({ epoch, leader }: KeptPromise): Uint8Array {
  const body = encodeCbor([VERSION, epoch, leader]);
  return concatBytes(body, fromHex(hashOf(body)));
}

/** Throws PromiseError when it is damaged. */
export function decodePromise(bytes: Uint8Array): KeptPromise {
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  if (!equalBytes(fromHex(hashOf(body)), bytes.subarray(body.length))) {
    throw new PromiseError(
      "the file `promise` is damaged: remove this replica from the set and add it again empty",
    );
  }
  const [, epoch, leader] = PromiseBody.parse(decodeCbor(body));
  return { epoch, leader };
}
