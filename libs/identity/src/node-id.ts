import { createHash } from "node:crypto";
import { fromHex, invariant, toBase32, toHex } from "@cluster-os/std";
import { z } from "zod";

/** "ed25519:" and the 64 hexadecimal digits of a node's public key. The key is the node; nothing else identifies it. */
export const NodeId = z
  .string()
  .regex(/^ed25519:[0-9a-f]{64}$/, "a node ID is ed25519: and 64 lower-case hexadecimal digits")
  .brand<"NodeId">();
export type NodeId = z.infer<typeof NodeId>;

/** The node ID of a raw 32-byte Ed25519 public key. */
export function nodeIdOf(publicKey: Uint8Array): NodeId {
  invariant(publicKey.length === 32, "an Ed25519 public key has 32 bytes");
  return `ed25519:${toHex(publicKey)}` as NodeId;
}

/** The raw 32-byte public key in a node ID. */
export function publicKeyOf(nodeId: NodeId): Uint8Array {
  const known = publicKeys.get(nodeId);
  if (known) return known;
  const made = fromHex(nodeId.slice("ed25519:".length));
  if (publicKeys.size >= MOST_PUBLIC_KEYS) publicKeys.clear();
  publicKeys.set(nodeId, made);
  return made;
}

// Each message asks for its sender's and its receiver's.
const MOST_PUBLIC_KEYS = 8_192;
const publicKeys = new Map<NodeId, Uint8Array>();

/**
 * "n-" and ten base32 characters of the key's SHA-256: short enough for a table, long enough that 50 bits do not
 * collide in a cluster. Host name, Kubernetes node name and SLURM NodeName.
 */
export function nodeName(nodeId: NodeId): string {
  const digest = createHash("sha256").update(publicKeyOf(nodeId)).digest();
  return `n-${toBase32(digest).slice(0, 10)}`;
}
