import type { NodeId } from "@cluster-os/identity";
import { z } from "zod";

/**
 * Where datagrams for a node go, as the network driver writes it: `10.0.0.7:8686`, `[fd00::7]:8686`, or
 * `[fe80::7%eth0]:8686`, whose zone means something on this machine only.
 */
export type Address = string;

const X25519Key = z.instanceof(Uint8Array).refine((key) => key.length === 32, "an X25519 key has 32 bytes");
const Proof = z.instanceof(Uint8Array).refine((proof) => proof.length === 64, "a proof has 64 bytes");
const Port = z.int().min(1).max(65_535);
const Count = z.int().min(0);
const Word = z.string().max(64);

/** What a node says of itself. It travels signed by the node; nobody else can change a word of it. */
export const NodeDescription = z.object({
  /** Raw X25519 public key of its WireGuard interface. */
  wireguardKey: X25519Key,
  /** The one it will have soon, announced beforehand so that no connection waits for it. */
  nextWireguardKey: X25519Key.exactOptional(),
  /** That each of the two is this node's own: `isAgreementKeyProven`. Whoever makes peers of members judges it. */
  wireguardProof: Proof.exactOptional(),
  nextWireguardProof: Proof.exactOptional(),
  /** Raw X25519 public key to which secrets for this node are sealed. */
  sealingKey: X25519Key,
  /** The ID of the newest ring key with which it opens messages. */
  ringKeyId: z.int().min(1).max(0xffff_ffff),
  gossipPort: Port,
  wireguardPort: Port,
  capabilities: z.object({ cpu: Count, memoryBytes: Count, gpus: Count }),
  roles: z.array(Word).max(32),
  /** How far its Kubernetes part is, in that part's own words, and under which epoch. */
  kubernetes: z.object({ state: Word, epoch: Count }),
  lifecycle: Word,
  version: Word,
  /** The site's own name for the machine, shown beside its node name. */
  label: Word.exactOptional(),
});
export type NodeDescription = z.infer<typeof NodeDescription>;

/**
 * - alive: answers, as far as this node knows;
 * - suspect: did not answer someone; it has until the suspicion's end to say that it is there;
 * - failed: did not, and is dialled for ever in case it comes back;
 * - left: said itself that it goes; nobody looks for it.
 */
export type MemberStatus = "alive" | "suspect" | "failed" | "left";

export interface Member {
  readonly nodeId: NodeId;
  /** `nodeName(nodeId)`. */
  readonly name: string;
  /** Not known here: whoever has the admission records adds it. */
  readonly index?: number;
  readonly status: MemberStatus;
  readonly incarnation: number;
  /** Empty for this node itself, and while no usable address of the node is known. */
  readonly address: Address;
  /** Undefined only for a node that had left before this one heard of it. */
  readonly description: NodeDescription | undefined;
}
