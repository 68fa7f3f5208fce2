import type { AgreementKey, Identity, NodeId } from "@cluster-os/identity";
import type {
  EstablishedPayload,
  GenesisPayload,
  JoinKeyDecision,
  RolesDecision,
  RolesPayload,
} from "@cluster-os/admission";
import type {
  Address,
  Member,
  MembershipConfig,
  MembershipRules,
  Misdeed,
  NodeDescription,
} from "@cluster-os/membership";
import type { Instant, Rng } from "@cluster-os/std";
import type { FormationConfig } from "./config.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { ApplicantView } from "./effect.ts";
import type { Discovery, RevocationDecision } from "./formation-interface.ts";
import type { FormationRules } from "./rules.ts";
import type { Epoch } from "./state.ts";

/**
 * What the app knows of its machine and its work. The protocol adds the keys and the lifecycle before it tells others.
 * `kubernetes.state` is the app's own word; "ready" means that this machine's Kubernetes part works.
 */
export type OwnDescription = Omit<
  NodeDescription,
  | "wireguardKey"
  | "wireguardProof"
  | "nextWireguardKey"
  | "nextWireguardProof"
  | "sealingKey"
  | "ringKeyId"
  | "lifecycle"
> & {
  /** The key that took the place of the one which the protocol was made with. */
  readonly wireguardKey?: Uint8Array;
  /** The one that will take its place soon. */
  readonly nextWireguardKey?: Uint8Array;
  /** That the two are this machine's own. */
  readonly wireguardProof?: Uint8Array;
  readonly nextWireguardProof?: Uint8Array;
};

export interface NodeProtocolOptions {
  readonly identity: Identity;
  /** Raw 32-byte X25519 public key of this machine's WireGuard interface. */
  readonly wireguardKey: Uint8Array;
  readonly sealing: AgreementKey;
  /** 32 bytes from the stick or image. Without it this machine joins others only when someone approves it. */
  readonly joinKey?: Uint8Array;
  /** How many machines found the cluster together. Without it: those seen once the view is stable. */
  readonly expect?: number;
  readonly description: OwnDescription;
  /** IPv4 CIDRs of the networks this machine is on, so that the address plan avoids them. */
  readonly lanSubnets: readonly string[];
  /** Addresses to try besides what is heard on the LAN; may be empty. */
  readonly seeds?: readonly Address[];
  /** What the last `persist` effect of this machine held; undefined on first boot. */
  readonly state?: Uint8Array;
  readonly rng: Rng;
  /** Unix milliseconds, written into records for people to read; nothing is decided by it. */
  readonly wallTime: () => number;
  /** Judges facts that the app publishes under keys of its own, as membership's option of that name does. */
  readonly verifyFact?: (key: string, bytes: Uint8Array) => { readonly version: number } | undefined;
  readonly config?: Partial<FormationConfig>;
  readonly membershipConfig?: Partial<MembershipConfig>;
  /** Only tests replace these: to show that breaking one is noticed. */
  readonly rules?: Partial<FormationRules>;
  readonly membershipRules?: Partial<MembershipRules>;
  readonly now: Instant;
}

export type NodeProtocolInput =
  /** The time is `wakeAt` or later. Also the first input after construction. */
  | { readonly kind: "wake" }
  | { readonly kind: "datagram"; readonly from: Address; readonly bytes: Uint8Array }
  | { readonly kind: "describe"; readonly description: OwnDescription }
  | { readonly kind: "lan-subnets"; readonly lanSubnets: readonly string[] }
  /** On a server: this node was given this index (in the Kubernetes API, where creation is atomic). */
  | { readonly kind: "admit"; readonly nodeId: NodeId; readonly index: number }
  /** On a server: this node is a member no longer (as the Kubernetes API has it). */
  | ({ readonly kind: "revoke" } & RevocationDecision)
  /** On a server: a new ring key for all who are members now. Nothing happens while one is being handed out. */
  | { readonly kind: "rotate-ring-key" }
  /** The authority key's seed, from the cluster's Secret, on a server that was not one at genesis. */
  | { readonly kind: "authority"; readonly seed: Uint8Array }
  /** This machine serves no more: it forgets the authority key's seed. */
  | { readonly kind: "forget-authority" }
  /** On a server: who runs the control plane from now on, as etcd has it. */
  | ({ readonly kind: "roles" } & RolesDecision)
  /** On a server: which join key new sticks have from now on, as etcd has it. */
  | ({ readonly kind: "join-key" } & JoinKeyDecision)
  /** On a serving founder: this machine's etcd is a voter of the cluster that was begun under this epoch. */
  | { readonly kind: "joined"; readonly epoch: number }
  | { readonly kind: "send-message"; readonly to: NodeId; readonly topic: string; readonly body: Uint8Array }
  | { readonly kind: "publish-fact"; readonly key: string; readonly bytes: Uint8Array }
  | { readonly kind: "leave" };

export type NodeProtocolEffect =
  /** To be on disk before any later effect is carried out. Replaces what was there. Holds secrets: 0600. */
  | { readonly kind: "persist"; readonly state: Uint8Array }
  | { readonly kind: "send"; readonly to: Address; readonly bytes: Uint8Array }
  | { readonly kind: "multicast"; readonly bytes: Uint8Array }
  /** This machine is a member: once per process, also after a restart as a member. */
  | {
      readonly kind: "admitted";
      readonly clusterId: string;
      readonly genesis: GenesisPayload;
      readonly index: number;
      readonly isFounder: boolean;
    }
  /** Someone asks to be admitted: to a server. Answer with an `admit` input, at once, later or never. */
  | { readonly kind: "application"; readonly applicant: ApplicantView }
  /**
   * On a serving founder: Kubernetes is to be begun by `initialiser` under `epoch`. A higher epoch than before means:
   * wipe what was begun. Given again after a restart, until the cluster is established.
   */
  | { readonly kind: "epoch"; readonly epoch: number; readonly initialiser: NodeId }
  /** A majority of the servers joined under this epoch: it is the cluster, for ever. Again after a restart. */
  | { readonly kind: "established"; readonly established: EstablishedPayload }
  /** Another ring key is held, or seals. */
  | { readonly kind: "ring-key"; readonly ringKey: RingKeyStatus }
  | { readonly kind: "member-changed"; readonly member: Member; readonly previous?: Member["status"] }
  | {
      readonly kind: "fact-learned";
      readonly key: string;
      readonly bytes: Uint8Array;
      readonly version: number;
    }
  | Misdeed
  | { readonly kind: "message"; readonly from: NodeId; readonly topic: string; readonly body: Uint8Array }
  | { readonly kind: "diagnostic"; readonly diagnostic: Diagnostic };

/** Ring keys by their IDs. */
export interface RingKeyStatus {
  /** The newest the authority announced. */
  readonly newest: number;
  /** `staged` while it is handed out, `active` when members seal with it. */
  readonly stage: "staged" | "active";
  /** The newest this machine holds. */
  readonly held: number;
  /** What this machine seals with. */
  readonly sealing: number;
  /** When the newest was made, Unix milliseconds; undefined for that of genesis. */
  readonly madeAt?: number;
}

/** The mission's names for a node's stages. */
export type Lifecycle = "init" | "join" | "converge" | "serve" | "reconfigure";

/** What the node does within the lifecycle stage "join". */
export type JoinStage = "searching" | "founding" | "applying" | "pending";

export interface NodeProtocolStatus {
  readonly nodeId: NodeId;
  readonly lifecycle: Lifecycle;
  /** Only while the lifecycle is "join". */
  readonly stage?: JoinStage;
  /** Unformed machines with the same join key heard lately, this one included. */
  readonly candidateCount: number;
  readonly discovery: Discovery;
  readonly expect?: number;
  readonly clusterId?: string;
  readonly index?: number;
  readonly isFounder: boolean;
  /** Was a member, and never will be again: everything that it does for the cluster has to end. */
  readonly isRevoked: boolean;
  /** Whether it is to run the control plane. */
  readonly isServer: boolean;
  readonly hasAuthorityKey: boolean;
  readonly epoch?: Epoch;
  readonly established?: EstablishedPayload;
  /** Who runs the control plane, once that was changed after genesis. */
  readonly roles?: RolesPayload;
  /** Once it is a member. */
  readonly ringKey?: RingKeyStatus;
  /** Conditions that hold now and that a person may want to know. */
  readonly diagnostics: readonly Diagnostic[];
}
