import { CodecError, decodeCbor, encodeCbor, nodeIdOf, publicKeyOf, type NodeId } from "@cluster-os/identity";
import { ByteMemo } from "@cluster-os/std";
import { z } from "zod";
import type { Address } from "./member.ts";
import type { AccusationKind } from "./merge.ts";
import { Incarnation } from "./records.ts";

/**
 * One thing that is passed on from node to node. Statements are records signed by the node they are about; accusations
 * name who makes them; facts are checked by whoever understands them.
 */
export type News =
  | { readonly kind: "fact"; readonly key: string; readonly bytes: Uint8Array }
  /** `address` is where the teller reaches the node, without zone; empty if it is the teller itself. */
  | { readonly kind: "alive"; readonly record: Uint8Array; readonly address: Address }
  | { readonly kind: "left"; readonly record: Uint8Array }
  | Accusation;

export interface Accusation {
  readonly kind: AccusationKind;
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly accuser: NodeId;
}

const Bytes = z.instanceof(Uint8Array);

/** A node ID as its 32 raw key bytes. */
export const WireNodeId = Bytes.refine((key) => key.length === 32, "a key has 32 bytes").transform(nodeIdOf);
export const FactKey = z.string().min(1).max(200);

const CODES = { fact: 0, alive: 1, left: 2, suspect: 3, failed: 4 } as const satisfies Record<
  News["kind"],
  number
>;

const WireNews = z.union([
  z.tuple([z.literal(CODES.fact), FactKey, Bytes]),
  z.tuple([z.literal(CODES.alive), Bytes, z.string().max(100)]),
  z.tuple([z.literal(CODES.left), Bytes]),
  z.tuple([z.literal([CODES.suspect, CODES.failed]), WireNodeId, Incarnation, WireNodeId]),
]);

/** A CBOR array: the kind's number and its parts. */
export function encodeNews(news: News): Uint8Array {
  const code = CODES[news.kind];
  switch (news.kind) {
    case "fact":
      return encodeCbor([code, news.key, news.bytes]);
    case "alive":
      return encodeCbor([code, news.record, news.address]);
    case "left":
      return encodeCbor([code, news.record]);
    case "suspect":
    case "failed":
      return encodeCbor([code, publicKeyOf(news.nodeId), news.incarnation, publicKeyOf(news.accuser)]);
    default:
      return news satisfies never;
  }
}

/** Undefined for bytes that are no news. Signatures are not looked at. */
export function decodeNews(bytes: Uint8Array): News | undefined {
  // Facts may be large, and come seldom.
  if (bytes.length > REMEMBERED_BYTES) return decode(bytes);
  return decoded.of(bytes, (unknown) => decode(unknown) ?? NO_NEWS) || undefined;
}

const REMEMBERED_BYTES = 600;
const NO_NEWS = false;
const decoded = new ByteMemo<News | typeof NO_NEWS>(1_024);

function decode(bytes: Uint8Array): News | undefined {
  const parsed = WireNews.safeParse(decodeOrUndefined(bytes));
  if (!parsed.success) return undefined;
  const wire = parsed.data;
  switch (wire[0]) {
    case CODES.fact:
      return { kind: "fact", key: wire[1], bytes: wire[2] };
    case CODES.alive:
      return { kind: "alive", record: wire[1], address: wire[2] };
    case CODES.left:
      return { kind: "left", record: wire[1] };
    case CODES.suspect:
      return { kind: "suspect", nodeId: wire[1], incarnation: wire[2], accuser: wire[3] };
    case CODES.failed:
      return { kind: "failed", nodeId: wire[1], incarnation: wire[2], accuser: wire[3] };
    default:
      return wire satisfies never;
  }
}

/** Bytes from outside that need not be CBOR. */
export function decodeOrUndefined(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes);
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}
