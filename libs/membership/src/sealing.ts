import {
  authenticate,
  deriveKey,
  isAuthentic,
  isSafePublicKey,
  keptKey,
  nodeIdOf,
  openWithKey,
  pairSecret,
  publicKeyOf,
  SealError,
  sealWithKey,
  signBytes,
  verifyBytes,
  type Identity,
  type NodeId,
  type SecretKey,
} from "@cluster-os/identity";
import { concatBytes, invariant, utf8 } from "@cluster-os/std";
import type { RingKey } from "./protocol.ts";

/** First byte of every membership message on the gossip port. */
export const MEMBERSHIP_KIND = 0x02;

const WIRE_VERSION = 3;
const AUDIENCE_ANYONE = 0;
const AUDIENCE_ONE = 1;
// kind, version, audience, cluster tag, ring key ID, sender, nonce
const TAG_AT = 3;
const RING_KEY_AT = 7;
const SENDER_AT = 11;
const HEADER_BYTES = SENDER_AT + 32 + 12;
const NONCE_AT = HEADER_BYTES - 12;
const SIGNATURE_BYTES = 64;
const MAC_BYTES = 32;
const TAG_BYTES = 16;
// A sub-key per sender and ring key, and a key per pair; only senders whose messages opened, and were genuine, get them kept.
const KEY_CACHE_LIMIT = 8_192;

/** What sealing adds to a message at most, in bytes; 32 less where the receiver is known. */
export const SEALING_BYTES = HEADER_BYTES + SIGNATURE_BYTES + TAG_BYTES;

/** A message that opened. It is genuine only if `isGenuine()`: members share the key that seals, and no key that proves who sent it. */
export interface OpenedMessage {
  readonly sender: NodeId;
  readonly bootCounter: number;
  readonly sequence: number;
  readonly plain: Uint8Array;
  isGenuine(): boolean;
}

/** Why a message did not open; for want of a ring key, with what its header says, none of it authenticated. */
export type Unopened =
  | { readonly why: "malformed" | "foreign" | "unopened" }
  | { readonly why: "unknownKey"; readonly sender: NodeId; readonly ringKeyId: number };

const MALFORMED: Unopened = { why: "malformed" };
const FOREIGN: Unopened = { why: "foreign" };
const UNOPENED: Unopened = { why: "unopened" };

export interface SealingOptions {
  readonly identity: Identity;
  readonly clusterId: string;
  readonly ringKeys: readonly RingKey[];
  readonly bootCounter: number;
}

/**
 * Seals and opens messages. A clear header (kind, version, audience, cluster, ring key ID, sender, nonce) comes first, then
 * ChaCha20-Poly1305 of proof and message under a sub-key of the ring key for this sender and cluster. The nonce is
 * the boot counter and a sequence number, so it never comes twice. Header and audience are authenticated: a message to
 * one node does not open at another, and a copied one cannot teach a third node a wrong address.
 *
 * The proof is the sender's. To one node it is a MAC under the key that those two share: nobody else is to be convinced, and it
 * costs a tenth of a signature and its check. To whoever holds the ring key it is a signature.
 */
export class Sealing {
  readonly #identity: Identity;
  readonly #clusterId: string;
  readonly #clusterTag: number;
  readonly #domain: Uint8Array;
  readonly #bootCounter: number;
  #ringKeys: readonly RingKey[];
  #sequence = 0;
  readonly #subKeys = new Map<string, SecretKey>();
  readonly #pairKeys = new Map<NodeId, SecretKey>();

  constructor(options: SealingOptions) {
    const { bootCounter } = options;
    invariant(
      Number.isInteger(bootCounter) && bootCounter >= 0 && bootCounter < 2 ** 32,
      "the boot counter fills four bytes of the nonce",
    );
    this.#identity = options.identity;
    this.#domain = utf8(`cluster-os/membership/v1/${options.clusterId}\0`);
    this.#clusterId = options.clusterId;
    this.#clusterTag = clusterTag(options.clusterId);
    this.#bootCounter = bootCounter;
    this.#ringKeys = checkedRingKeys(options.ringKeys);
  }

  setRingKeys(ringKeys: readonly RingKey[]): void {
    this.#ringKeys = checkedRingKeys(ringKeys);
    this.#subKeys.clear();
  }

  /** Whether a message under this node's own key is one that this node has not sent, nor an earlier life of it. */
  isAhead(message: { readonly bootCounter: number; readonly sequence: number }): boolean {
    if (message.bootCounter !== this.#bootCounter) return message.bootCounter > this.#bootCounter;
    return message.sequence >= this.#sequence;
  }

  /** Seals `plain` for `audience`, or, where the receiver is not known yet, for whoever holds the ring key. */
  seal(plain: Uint8Array, audience: NodeId | undefined): Uint8Array {
    const ringKey = this.#ringKeys.at(-1)!;
    const header = this.#header(ringKey.id, audience);
    const associated = associatedBytes(header, audience);
    const proof = this.#prove(this.#provenBytes(associated, plain), audience);
    const key = this.#subKey(ringKey, this.#identity.nodeId);
    this.#keepSubKey(ringKey, this.#identity.nodeId, key);
    const sealed = sealWithKey(key, header.subarray(NONCE_AT), concatBytes(proof, plain), associated);
    return concatBytes(header, sealed);
  }

  /**
   * The message in `bytes`, or why there is none. Cheapest first: length, version, cluster and key ID are compared before
   * anything is computed, and nothing is parsed before it opened.
   */
  open(bytes: Uint8Array): OpenedMessage | Unopened {
    const refused = this.screen(bytes);
    if (refused) return refused;
    const header = bytes.subarray(0, HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    const sequence = view.getBigUint64(NONCE_AT + 4);
    if (sequence > BigInt(Number.MAX_SAFE_INTEGER)) return MALFORMED;
    const ringKeyId = view.getUint32(RING_KEY_AT);
    const ringKey = this.#ringKeys.find(({ id }) => id === ringKeyId);
    const sender = nodeIdOf(header.subarray(SENDER_AT, NONCE_AT));
    if (!ringKey) return { why: "unknownKey", sender, ringKeyId };
    const isForOne = bytes[2] === AUDIENCE_ONE;
    const associated = associatedBytes(header, isForOne ? this.#identity.nodeId : undefined);
    const sealed = bytes.subarray(HEADER_BYTES);
    const inner = this.#decrypt(ringKey, sender, header.subarray(NONCE_AT), sealed, associated);
    if (!inner) return UNOPENED;
    const proofBytes = isForOne ? MAC_BYTES : SIGNATURE_BYTES;
    if (inner.length < proofBytes) return MALFORMED;
    const [proof, plain] = [inner.subarray(0, proofBytes), inner.subarray(proofBytes)];
    const isGenuine = (): boolean => {
      const proven = this.#provenBytes(associated, plain);
      return isForOne ? this.#isFromPeer(sender, proven, proof) : isSignedBy(sender, proven, proof);
    };
    return {
      sender,
      bootCounter: view.getUint32(NONCE_AT),
      sequence: Number(sequence),
      plain,
      isGenuine,
    };
  }

  /** Why `bytes` are no message of this cluster, as far as the first few of them tell. */
  screen(bytes: Uint8Array): Unopened | undefined {
    if (
      bytes.length < HEADER_BYTES + MAC_BYTES + TAG_BYTES ||
      bytes[0] !== MEMBERSHIP_KIND ||
      bytes[1] !== WIRE_VERSION
    )
      return MALFORMED;
    if (bytes[2] !== AUDIENCE_ANYONE && bytes[2] !== AUDIENCE_ONE) return MALFORMED;
    const tag = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(TAG_AT);
    return tag === this.#clusterTag ? undefined : FOREIGN;
  }

  #header(ringKeyId: number, audience: NodeId | undefined): Uint8Array {
    const header = new Uint8Array(HEADER_BYTES);
    const view = new DataView(header.buffer);
    header[0] = MEMBERSHIP_KIND;
    header[1] = WIRE_VERSION;
    header[2] = audience === undefined ? AUDIENCE_ANYONE : AUDIENCE_ONE;
    view.setUint32(TAG_AT, this.#clusterTag);
    view.setUint32(RING_KEY_AT, ringKeyId);
    header.set(this.#identity.publicKey, SENDER_AT);
    view.setUint32(NONCE_AT, this.#bootCounter);
    view.setBigUint64(NONCE_AT + 4, BigInt(this.#sequence));
    this.#sequence += 1;
    return header;
  }

  #decrypt(
    ringKey: RingKey,
    sender: NodeId,
    nonce: Uint8Array,
    sealed: Uint8Array,
    associated: Uint8Array,
  ): Uint8Array | undefined {
    const key = this.#subKey(ringKey, sender);
    try {
      const inner = openWithKey(key, nonce, sealed, associated);
      this.#keepSubKey(ringKey, sender, key);
      return inner;
    } catch (error) {
      if (error instanceof SealError) return undefined;
      throw error;
    }
  }

  #subKey(ringKey: RingKey, sender: NodeId): SecretKey {
    const known = this.#subKeys.get(`${ringKey.id} ${sender}`);
    if (known) return known;
    return keptKey(deriveKey(ringKey.key, utf8(this.#clusterId), `cluster-os/membership/v1/${sender}`));
  }

  #keepSubKey(ringKey: RingKey, sender: NodeId, key: SecretKey): void {
    if (this.#subKeys.size >= KEY_CACHE_LIMIT) this.#subKeys.clear();
    this.#subKeys.set(`${ringKey.id} ${sender}`, key);
  }

  #prove(proven: Uint8Array, audience: NodeId | undefined): Uint8Array {
    if (audience === undefined) return signBytes(this.#identity, proven);
    const key = this.#pairKey(audience);
    invariant(key, "with whoever sent a genuine message a secret can be shared");
    this.#keepPairKey(audience, key);
    return authenticate(key, proven);
  }

  #isFromPeer(sender: NodeId, proven: Uint8Array, mac: Uint8Array): boolean {
    const key = this.#pairKey(sender);
    if (!key || !isAuthentic(key, proven, mac)) return false;
    this.#keepPairKey(sender, key);
    return true;
  }

  #pairKey(other: NodeId): SecretKey | undefined {
    const known = this.#pairKeys.get(other);
    if (known) return known;
    const secret = pairSecret(this.#identity, publicKeyOf(other));
    return secret && keptKey(deriveKey(secret, utf8(this.#clusterId), "cluster-os/membership/v1/pair"));
  }

  #keepPairKey(other: NodeId, key: SecretKey): void {
    if (this.#pairKeys.has(other)) return;
    if (this.#pairKeys.size >= KEY_CACHE_LIMIT) this.#pairKeys.clear();
    this.#pairKeys.set(other, key);
  }

  /** What the proof is of. Sender and receiver are in it, so that a MAC sent back proves nothing. */
  #provenBytes(associated: Uint8Array, plain: Uint8Array): Uint8Array {
    return concatBytes(this.#domain, associated, plain);
  }
}

/** A key of small order "signs" everything, and with it no secret can be shared to answer. The dear check comes second. */
function isSignedBy(sender: NodeId, proven: Uint8Array, signature: Uint8Array): boolean {
  const key = publicKeyOf(sender);
  return verifyBytes(key, proven, signature) && isSafePublicKey(key);
}

/** The first four bytes of the cluster ID, as a number. */
function clusterTag(clusterId: string): number {
  return Number.parseInt(clusterId.slice(0, 8), 16);
}

/** The header, and, if the message is for one node, that node's key: it knows it, so it need not be sent. */
function associatedBytes(header: Uint8Array, audience: NodeId | undefined): Uint8Array {
  return audience === undefined ? header : concatBytes(header, publicKeyOf(audience));
}

function checkedRingKeys(ringKeys: readonly RingKey[]): readonly RingKey[] {
  invariant(ringKeys.length > 0, "nothing can be sealed without a ring key");
  const ids = new Set(ringKeys.map(({ id }) => id));
  invariant(ids.size === ringKeys.length, "two ring keys of one ID cannot be told apart");
  for (const { id, key } of ringKeys) {
    invariant(id >= 0 && id < 2 ** 32 && key.length === 32, `ring key ${id} has a 32-bit ID and 32 bytes`);
  }
  return ringKeys;
}
