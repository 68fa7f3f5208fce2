import { encodeCbor, publicKeyOf, type NodeId } from "@cluster-os/identity";
import { z } from "zod";
import type { Address } from "./member.ts";
import { decodeOrUndefined, FactKey, WireNodeId } from "./news.ts";
import { Incarnation } from "./records.ts";

/** What a message is for. News travels with any of them. */
export type Body =
  | { readonly kind: "ping"; readonly sequence: number }
  | { readonly kind: "ack"; readonly sequence: number }
  /** Ping `target` for me; `address` is where I know it, without zone. */
  | {
      readonly kind: "ping-request";
      readonly sequence: number;
      readonly target: NodeId;
      readonly address: Address;
    }
  /** I asked, and have no answer yet: it is not you who cannot be reached (Lifeguard section IV-A). */
  | { readonly kind: "nack"; readonly sequence: number }
  /** Only news. */
  | { readonly kind: "gossip" }
  /** A hash of all I know. Equal: nothing to say. */
  | { readonly kind: "sync-hash"; readonly hash: Uint8Array }
  /** What I know, by incarnation and version. */
  | {
      readonly kind: "sync-offer";
      readonly members: readonly MemberDigest[];
      readonly facts: readonly FactDigest[];
    }
  /** The news is what you lacked; these I lack. */
  | { readonly kind: "sync-data"; readonly members: readonly NodeId[]; readonly facts: readonly string[] }
  | { readonly kind: "user"; readonly topic: string; readonly body: Uint8Array };

export interface Message {
  readonly body: Body;
  /** Encoded {@link News}, each of its own, so that one that is malformed does not spoil the others. */
  readonly news: readonly Uint8Array[];
}

export interface MemberDigest {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  /** A suspicion is passing and not compared. */
  readonly status: "alive" | "failed" | "left";
}

export interface FactDigest {
  readonly key: string;
  readonly version: number;
  /** The first bytes of the SHA-256 of the fact's bytes. */
  readonly hash: Uint8Array;
}

const CODES = {
  ping: 0,
  ack: 1,
  "ping-request": 2,
  nack: 3,
  gossip: 4,
  "sync-hash": 5,
  "sync-offer": 6,
  "sync-data": 7,
  user: 8,
} as const satisfies Record<Body["kind"], number>;

const STATUSES = ["alive", "failed", "left"] as const satisfies readonly MemberDigest["status"][];

const Bytes = z.instanceof(Uint8Array);
const Sequence = z.int().min(0);
const WireMemberDigest = z
  .tuple([WireNodeId, Incarnation, z.literal([0, 1, 2])])
  .transform(([nodeId, incarnation, status]): MemberDigest => ({
    nodeId,
    incarnation,
    status: STATUSES[status],
  }));
const WireFactDigest = z
  .tuple([FactKey, z.int().min(0), Bytes])
  .transform(([key, version, hash]): FactDigest => ({ key, version, hash }));

const WireBody = z.union([
  z.tuple([z.literal([CODES.ping, CODES.ack, CODES.nack]), Sequence]),
  z.tuple([z.literal(CODES["ping-request"]), Sequence, WireNodeId, z.string().max(100)]),
  z.tuple([z.literal(CODES.gossip)]),
  z.tuple([z.literal(CODES["sync-hash"]), Bytes]),
  z.tuple([z.literal(CODES["sync-offer"]), z.array(WireMemberDigest), z.array(WireFactDigest)]),
  z.tuple([z.literal(CODES["sync-data"]), z.array(WireNodeId), z.array(FactKey)]),
  z.tuple([z.literal(CODES.user), z.string().max(200), Bytes]),
]);
const WireMessage = z.tuple([WireBody, z.array(Bytes)]);

/** CBOR: [[kind's number, its parts...], [news...]]. */
export function encodeMessage({ body, news }: Message): Uint8Array {
  return encodeCbor([[CODES[body.kind], ...parts(body)], news]);
}

/** Undefined for bytes that are no message. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  const parsed = WireMessage.safeParse(decodeOrUndefined(bytes));
  return parsed.success ? { body: bodyOf(parsed.data[0]), news: parsed.data[1] } : undefined;
}

function parts(body: Body): readonly unknown[] {
  switch (body.kind) {
    case "ping":
    case "ack":
    case "nack":
      return [body.sequence];
    case "ping-request":
      return [body.sequence, publicKeyOf(body.target), body.address];
    case "gossip":
      return [];
    case "sync-hash":
      return [body.hash];
    case "sync-offer":
      return [
        body.members.map((m) => [publicKeyOf(m.nodeId), m.incarnation, STATUSES.indexOf(m.status)]),
        body.facts.map((fact) => [fact.key, fact.version, fact.hash]),
      ];
    case "sync-data":
      return [body.members.map(publicKeyOf), body.facts];
    case "user":
      return [body.topic, body.body];
    default:
      return body satisfies never;
  }
}

function bodyOf(wire: z.output<typeof WireBody>): Body {
  switch (wire[0]) {
    case CODES.ping:
      return { kind: "ping", sequence: wire[1] };
    case CODES.ack:
      return { kind: "ack", sequence: wire[1] };
    case CODES.nack:
      return { kind: "nack", sequence: wire[1] };
    case CODES["ping-request"]:
      return { kind: "ping-request", sequence: wire[1], target: wire[2], address: wire[3] };
    case CODES.gossip:
      return { kind: "gossip" };
    case CODES["sync-hash"]:
      return { kind: "sync-hash", hash: wire[1] };
    case CODES["sync-offer"]:
      return { kind: "sync-offer", members: wire[1], facts: wire[2] };
    case CODES["sync-data"]:
      return { kind: "sync-data", members: wire[1], facts: wire[2] };
    case CODES.user:
      return { kind: "user", topic: wire[1], body: wire[2] };
    default:
      return wire satisfies never;
  }
}
