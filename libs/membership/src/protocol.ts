import type { Identity, NodeId } from "@cluster-os/identity";
import type { Instant, Rng } from "@cluster-os/std";
import type { Misdeed } from "./conduct.ts";
import type { MembershipConfig } from "./config.ts";
import type { Address, Member, MemberStatus, NodeDescription } from "./member.ts";
import type { MembershipRules } from "./rules.ts";

/** A key all members hold; `id` says which one sealed a message, so that keys can be exchanged without a gap. */
export interface RingKey {
  /** 0 to 2^32 - 1. */
  readonly id: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** A signed statement of the cluster that every member is to hold, such as an admission: kept and passed on as it is. */
export interface Fact {
  /** Of two facts of one key the one with the higher version counts. */
  readonly version: number;
  readonly bytes: Uint8Array;
}

export interface MembershipOptions {
  readonly identity: Identity;
  readonly rng: Rng;
  readonly config?: Partial<MembershipConfig>;
  /** Messages of another cluster do not open, even under the same ring key. */
  readonly clusterId: string;
  /** Newest last: it seals; any opens. At least one. */
  readonly ringKeys: readonly RingKey[];
  /**
   * How often this node has started, counted on disk before this start's first message: 1 to 2^32 - 1. Nonces and
   * incarnations begin with it, so a counter that goes back would reuse them.
   */
  readonly bootCounter: number;
  readonly description: NodeDescription;
  /** Whether a node is a member by the records this node holds. Asked for each message and each claim. */
  isAdmitted(nodeId: NodeId): boolean;
  /**
   * The version of a genuine fact; undefined for one that is not genuine (it never throws for bad input). It is called
   * before the claims of the same message are judged, so an implementation that takes admissions to heart here lets in
   * the node that brought its own.
   */
  verifyFact(key: string, bytes: Uint8Array): { readonly version: number } | undefined;
  /** Only tests replace these: to show that breaking one is noticed. */
  readonly rules?: Partial<MembershipRules>;
  readonly now: Instant;
}

export type MembershipInput =
  /** The time is `wakeAt` or later. */
  | { readonly kind: "wake" }
  /** Something came to the gossip port whose first byte is {@link MEMBERSHIP_KIND}. `from` is where an answer goes. */
  | { readonly kind: "datagram"; readonly from: Address; readonly bytes: Uint8Array }
  /** Exchange everything with these; each is tried again until it answers, or until others have and five tries failed. */
  | { readonly kind: "join"; readonly seeds: readonly Address[] }
  /** This node's description changed; the others are told. */
  | { readonly kind: "describe"; readonly description: NodeDescription }
  | { readonly kind: "publish-fact"; readonly key: string; readonly bytes: Uint8Array }
  /** One message to one member, sealed, sent once and not acknowledged. */
  | { readonly kind: "send-message"; readonly to: NodeId; readonly topic: string; readonly body: Uint8Array }
  | { readonly kind: "ring-keys"; readonly ringKeys: readonly RingKey[] }
  /** Tell the others that this node goes for good (or until its next start). Keep stepping for a second after it. */
  | { readonly kind: "leave" };

export type MembershipEffect =
  | { readonly kind: "send"; readonly to: Address; readonly bytes: Uint8Array }
  /**
   * A member is new (`previous` undefined), changed its status, or (`previous` is its status) its address or
   * description. There is none for this node itself, nor for a node that disappears because it is admitted no longer.
   */
  | { readonly kind: "member-changed"; readonly member: Member; readonly previous?: MemberStatus }
  | {
      readonly kind: "fact-learned";
      readonly key: string;
      readonly bytes: Uint8Array;
      readonly version: number;
    }
  /** A message came that says to be sealed under a ring key that is not held here. Nobody vouches for any of it. */
  | {
      readonly kind: "unknown-ring-key";
      readonly from: Address;
      readonly sender: NodeId;
      readonly ringKeyId: number;
    }
  /** Something came that no sound member sends; once for each member and each kind of it. */
  | Misdeed
  | { readonly kind: "message"; readonly from: NodeId; readonly topic: string; readonly body: Uint8Array };
