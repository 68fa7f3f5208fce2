import { decodeCbor, encodeCbor } from "@cluster-os/identity";
import { fromHex, toHex } from "@cluster-os/std";
import { z } from "zod";
import type { Hash } from "./entry.ts";
import type { Position } from "./position.ts";

/** What replicas of one directory say to each other. `epoch` is the speaker's, or the one it answers. */
export type Message =
  /** Who is nominated asks every replica to follow nobody of an earlier epoch from now on. */
  | { readonly kind: "promise-request"; readonly epoch: number }
  /** It is on disk that no earlier epoch is followed. With the newest snapshot kept, as encoded, and what was lost of a newer one. */
  | {
      readonly kind: "promise";
      readonly epoch: number;
      readonly manifest: Uint8Array | undefined;
      readonly lost: Position | undefined;
    }
  /** `promised` is what stands against it. */
  | { readonly kind: "refusal"; readonly epoch: number; readonly promised: number }
  /** A snapshot to keep. */
  | { readonly kind: "offer"; readonly epoch: number; readonly manifest: Uint8Array }
  /** Snapshot `sequence` to keep, as it differs from this epoch's snapshot `base`, which the other one has said to keep. */
  | {
      readonly kind: "change";
      readonly epoch: number;
      readonly base: number;
      readonly sequence: number;
      readonly difference: Uint8Array;
    }
  /** What is newest, for those who may have missed it. */
  | { readonly kind: "announce"; readonly epoch: number; readonly sequence: number }
  /** Snapshot `sequence` of this epoch, and everything in it, is on disk; 0 is none of this epoch. */
  | { readonly kind: "ack"; readonly epoch: number; readonly sequence: number }
  | { readonly kind: "want"; readonly epoch: number; readonly hashes: readonly Hash[] }
  | { readonly kind: "blocks"; readonly epoch: number; readonly blocks: readonly Uint8Array[] };

/** Bytes that are no message of this version. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

const VERSION = 1;
/** One `want` asks for no more. */
const MOST_HASHES = 1024;

const Epoch = z.int().min(1);
const Sequence = z.int().min(0);
const Bytes = z.instanceof(Uint8Array);
const Raw = Bytes.refine(({ length }) => length === 32);
const Lost = z.tuple([Epoch, Sequence]);
const Body = z.union([
  z.tuple([z.literal("promise-request"), Epoch]),
  z.tuple([z.literal("promise"), Epoch, z.array(Bytes).max(1), z.array(Lost).max(1)]),
  z.tuple([z.literal("refusal"), Epoch, Sequence]),
  z.tuple([z.literal("offer"), Epoch, Bytes]),
  z.tuple([z.literal("change"), Epoch, Sequence, Sequence, Bytes]),
  z.tuple([z.literal("announce"), Epoch, Sequence]),
  z.tuple([z.literal("ack"), Epoch, Sequence]),
  z.tuple([z.literal("want"), Epoch, z.array(Raw).max(MOST_HASHES)]),
  z.tuple([z.literal("blocks"), Epoch, z.array(Bytes)]),
]);
const Wire = z.tuple([z.literal(VERSION), z.string().min(1).max(64), Body]);

/** `name` is which directory it is about, so that several can share one connection. */
export function encodeMessage(name: string, message: Message): Uint8Array {
  return encodeCbor([VERSION, name, pack(message)]);
}

/** Throws MessageError for anything that `encodeMessage` did not write. */
export function decodeMessage(bytes: Uint8Array): { readonly name: string; readonly message: Message } {
  try {
    const [, name, body] = Wire.parse(decodeCbor(bytes));
    return { name, message: unpack(body) };
  } catch (cause) {
    throw new MessageError("not a message between replicas", { cause });
  }
}

function pack(message: Message): readonly unknown[] {
  const { kind, epoch } = message;
  switch (kind) {
    case "promise-request":
      return [kind, epoch];
    case "promise": {
      const { manifest, lost } = message;
      return [kind, epoch, manifest ? [manifest] : [], lost ? [[lost.epoch, lost.sequence]] : []];
    }
    case "refusal":
      return [kind, epoch, message.promised];
    case "offer":
      return [kind, epoch, message.manifest];
    case "change":
      return [kind, epoch, message.base, message.sequence, message.difference];
    case "announce":
    case "ack":
      return [kind, epoch, message.sequence];
    case "want":
      return [kind, epoch, message.hashes.map(fromHex)];
    case "blocks":
      return [kind, epoch, [...message.blocks]];
    default:
      return message satisfies never;
  }
}

function unpack(body: z.infer<typeof Body>): Message {
  const [kind, epoch] = body;
  switch (kind) {
    case "promise-request":
      return { kind, epoch };
    case "promise": {
      const [manifest] = body[2];
      const [lost] = body[3];
      return { kind, epoch, manifest, lost: lost && { epoch: lost[0], sequence: lost[1] } };
    }
    case "refusal":
      return { kind, epoch, promised: body[2] };
    case "offer":
      return { kind, epoch, manifest: body[2] };
    case "change":
      return { kind, epoch, base: body[2], sequence: body[3], difference: body[4] };
    case "announce":
    case "ack":
      return { kind, epoch, sequence: body[2] };
    case "want":
      return { kind, epoch, hashes: body[2].map(toHex) };
    case "blocks":
      return { kind, epoch, blocks: body[2] };
  }
}
