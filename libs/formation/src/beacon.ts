import {
  encodeCbor,
  nodeIdOf,
  openRecord,
  signRecord,
  type Identity,
  type NodeId,
  type RecordType,
} from "@cluster-os/identity";
import { ByteMemo } from "@cluster-os/std";
import { RingKeyId } from "@cluster-os/admission";
import { z } from "zod";
import { bytesOf } from "./fields.ts";
import { isKeylessTag, type JoinKey } from "./join-key.ts";
import type { JoinKeys } from "./join-keys.ts";

/** More networks than this are left out: a beacon must fit a datagram. */
export const MAX_LAN_SUBNETS = 12;

/**
 * "I am here", in clear and signed, to everyone on the LAN: who, by which keys, with which join key (its tag), in which
 * cluster. Nothing in it is secret.
 */
export const Beacon = z.object({
  /** 8 bytes that follow from the join key; zeros without one. */
  tag: bytesOf(8),
  /** The cluster whose member the sender is. */
  clusterId: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  /** The newest ring key that a member holds, by its ID: who holds an older one learns that it is behind. */
  ringKeyId: RingKeyId.optional(),
  wireguardKey: bytesOf(32),
  sealingKey: bytesOf(32),
  /** How many founders the sender waits for. */
  expect: z.int().min(1).optional(),
  /** IPv4 CIDRs of the sender's networks. */
  lanSubnets: z.array(z.string().max(18)).max(MAX_LAN_SUBNETS),
  /** Random per start of the process: two of them alternating under one node ID are two machines. */
  instance: bytesOf(8),
  bootCounter: z.int().min(1),
  sequence: z.int().min(1),
  /** The most unformed machines the sender ever saw at once, itself included. */
  seenCount: z.int().min(1),
  /** Proves that the sender holds the join key: the tag alone could be copied. */
  mac: bytesOf(32).optional(),
});
export type Beacon = z.infer<typeof Beacon>;

const BEACON: RecordType<Beacon> = { name: "beacon", version: 1, payload: Beacon };

/** What a beacon's sender has in common with this machine. */
export type Standing = "same-key" | "other-key" | "keyless";

export interface HeardBeacon extends Beacon {
  readonly nodeId: NodeId;
  readonly standing: Standing;
}

export function signBeacon(
  beacon: Omit<Beacon, "tag" | "mac">,
  identity: Identity,
  joinKey: JoinKey,
): Uint8Array {
  const plain: Beacon = { ...beacon, tag: joinKey.tag };
  const mac = joinKey.mac("beacon", identity.publicKey, encodeCbor(plain));
  return signRecord(BEACON, { ...plain, ...(mac && { mac }) }, identity);
}

/** Throws a RecordError when it is not a genuine beacon. */
export function openBeacon(bytes: Uint8Array, joinKeys: JoinKeys): HeardBeacon {
  return opened.of(bytes, () => open(bytes, joinKeys), joinKeys.all.map(({ id }) => id).join(" "));
}

// On several interfaces, over IPv6 and IPv4, the same beacon comes as often.
const opened = new ByteMemo<HeardBeacon>(512);

function open(bytes: Uint8Array, joinKeys: JoinKeys): HeardBeacon {
  const { payload, signer } = openRecord(BEACON, bytes);
  return { ...payload, nodeId: nodeIdOf(signer), standing: standingOf(payload, signer, joinKeys) };
}

function standingOf({ mac, ...plain }: Beacon, signer: Uint8Array, joinKeys: JoinKeys): Standing {
  if (isKeylessTag(plain.tag)) return "keyless";
  const key = joinKeys.find(plain.tag);
  return key?.isHeldBy(signer, mac, () => encodeCbor(plain)) ? "same-key" : "other-key";
}
