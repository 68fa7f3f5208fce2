import { createHash } from "node:crypto";
import {
  isSafePublicKey,
  NodeId,
  openRecord,
  publicKeyOf,
  signRecord,
  type RecordType,
  type SigningKey,
} from "@cluster-os/identity";
import { AddressPlan } from "@cluster-os/mesh";
import type { Rng } from "@cluster-os/std";
import { z } from "zod";
import { AdmissionError } from "./errors.ts";
import { Bytes, Bytes32, NodeIndex, UnixMs } from "./fields.ts";
import { sealFounderSecrets } from "./founder-secrets.ts";
import type { RingKey } from "./ring-key-record.ts";

/** A node that is a member by the genesis record itself, with the keys it had then. */
export const Founder = z.object({
  nodeId: NodeId,
  wireguardKey: Bytes32,
  sealingKey: Bytes32,
  index: NodeIndex,
});
export type Founder = z.infer<typeof Founder>;

/** What a cluster begins with, for ever. Signed by the authority key, which it names. */
export const GenesisPayload = z.object({
  /** Informative. */
  createdAt: UnixMs,
  founders: z.array(Founder).min(1),
  /** The founders that serve the control plane, in order; the first begins Kubernetes in epoch 0. */
  servers: z.array(NodeId).min(1),
  authorityKey: Bytes32,
  addressPlan: AddressPlan,
  /** Per founder a box that only its sealing key opens: the ring key, and for servers the authority key's seed. */
  secrets: z.record(NodeId, Bytes),
});
export type GenesisPayload = z.infer<typeof GenesisPayload>;

const GENESIS: RecordType<GenesisPayload> = { name: "genesis", version: 1, payload: GenesisPayload };

/** A verified genesis record. */
export interface Genesis {
  readonly clusterId: string;
  readonly payload: GenesisPayload;
  /** The signed record: stored, forwarded and hashed exactly so. */
  readonly bytes: Uint8Array;
}

export interface GenesisRequest {
  readonly founders: readonly Founder[];
  readonly servers: readonly NodeId[];
  readonly addressPlan: AddressPlan;
  readonly authority: SigningKey;
  readonly ringKey: RingKey;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly rng: Rng;
}

/** Makes and signs a genesis record, with each founder's secrets sealed to it. */
export function createGenesis(request: GenesisRequest): Genesis {
  const servers = new Set(request.servers);
  const secrets = request.founders.map((founder): [NodeId, Uint8Array] => {
    const seed = servers.has(founder.nodeId) ? { authoritySeed: request.authority.seed } : {};
    return [founder.nodeId, sealFounderSecrets(founder, { ringKey: request.ringKey, ...seed }, request.rng)];
  });
  const payload: GenesisPayload = {
    createdAt: request.createdAt,
    founders: [...request.founders],
    servers: [...request.servers],
    authorityKey: request.authority.publicKey,
    addressPlan: request.addressPlan,
    secrets: Object.fromEntries(secrets),
  };
  return openGenesis(signRecord(GENESIS, payload, request.authority));
}

/** Verifies a genesis record and what it says. Throws a RecordError or an AdmissionError. */
export function openGenesis(bytes: Uint8Array): Genesis {
  const { payload, signer } = openRecord(GENESIS, bytes);
  refuseUnless(
    Buffer.compare(signer, payload.authorityKey) === 0,
    "it is not signed by the authority key it names",
  );
  refuseUnless(isSafePublicKey(payload.authorityKey), "its authority key is of small order or no key at all");
  const nodeIds = payload.founders.map(({ nodeId }) => nodeId);
  const indexes = payload.founders.map(({ index }) => index);
  refuseUnless(new Set(nodeIds).size === nodeIds.length, "it names a founder twice");
  refuseUnless(new Set(indexes).size === indexes.length, "it gives one index to two founders");
  for (const nodeId of nodeIds) {
    refuseUnless(
      isSafePublicKey(publicKeyOf(nodeId)),
      `the key of founder ${nodeId} is of small order or no key at all`,
    );
    refuseUnless(payload.secrets[nodeId] !== undefined, `it holds no secrets for founder ${nodeId}`);
  }
  refuseUnless(new Set(payload.servers).size === payload.servers.length, "it names a server twice");
  refuseUnless(
    payload.servers.every((nodeId) => nodeIds.includes(nodeId)),
    "it names a server that is no founder",
  );
  return { clusterId: clusterIdOf(bytes), payload, bytes };
}

/** The first 32 hexadecimal digits of the SHA-256 of a genesis record's bytes: the cluster's name for ever. */
export function clusterIdOf(genesisBytes: Uint8Array): string {
  return createHash("sha256").update(genesisBytes).digest("hex").slice(0, 32);
}

function refuseUnless(condition: boolean, reason: string): void {
  if (!condition) throw new AdmissionError(`genesis record refused: ${reason}`);
}
