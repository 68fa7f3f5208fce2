import type { Instant } from "@cluster-os/std";
import type { ReplicationConfig } from "./config.ts";
import type { Entry, Hash } from "./entry.ts";
import type { Manifest, ReplicaId } from "./manifest.ts";
import type { Message } from "./message.ts";
import type { ReplicaReport } from "./newest.ts";
import type { Position } from "./position.ts";
import type { ReplicationRules } from "./rules.ts";
import type { Inventory } from "./store/inventory.ts";

export interface ReplicationOptions {
  readonly self: ReplicaId;
  /** Which directory, for example "slurmctld": part of every manifest. */
  readonly name: string;
  /** What was found on disk at the start. */
  readonly inventory: Inventory;
  readonly config?: Partial<ReplicationConfig>;
  /** Only tests replace these: to show that breaking one is noticed. */
  readonly rules?: Partial<ReplicationRules>;
  readonly now: Instant;
}

export interface Nomination {
  /** Higher than that of any leader before; given to nobody else. */
  readonly epoch: number;
  /** Who keeps the directory, as last known. It counts only while nobody has a snapshot, which names its set itself. */
  readonly replicas: readonly ReplicaId[];
  /**
   * Whether, if a majority of `replicas` says that there is no snapshot yet, the directory is taken as it is and is the first. True
   * once in the life of a directory: whoever nominates has to remember that there was a leader.
   */
  readonly mayFound: boolean;
}

export type ReplicationInput =
  /** The time is `wakeAt` or later. */
  | { readonly kind: "wake" }
  /** Lead under this epoch. `leading` says when it does, `deposed` that somebody has promised a higher one. */
  | { readonly kind: "lead"; readonly nomination: Nomination }
  /** Lead no longer. What lies in the directory and is not yet read is not kept. */
  | { readonly kind: "follow" }
  /** The leader brings the set to this, one machine at a time. */
  | { readonly kind: "wish-replicas"; readonly replicas: readonly ReplicaId[] }
  | { readonly kind: "message"; readonly from: ReplicaId; readonly message: Message }
  /** Something in the directory may have changed. */
  | { readonly kind: "changed" }
  /** Answers `capture`: the directory as it was read; its blocks are in the store. */
  | { readonly kind: "captured"; readonly ticket: number; readonly entries: readonly Entry[] }
  | { readonly kind: "capture-failed"; readonly ticket: number; readonly reason: string }
  /** Answers `promise`: it is on disk. */
  | { readonly kind: "promised"; readonly epoch: number }
  /** Answers `commit`: the manifest and all its blocks are on disk. */
  | { readonly kind: "committed"; readonly position: Position }
  | { readonly kind: "commit-failed"; readonly position: Position; readonly reason: string }
  /** Answers `restore`. */
  | { readonly kind: "restored"; readonly position: Position }
  | { readonly kind: "restore-failed"; readonly position: Position; readonly reason: string }
  /** These blocks were found not to match their names, or gone. */
  | { readonly kind: "damaged"; readonly hashes: readonly Hash[] };

/** In the order in which they are to be carried out. What happens to the disk happens in this order, one after the other. */
export type ReplicationEffect =
  | { readonly kind: "send"; readonly to: ReplicaId; readonly message: Message }
  /** Write down that no epoch below this one is followed, nor another leader of this one. Answer `promised`. */
  | { readonly kind: "promise"; readonly promise: KeptPromise }
  /** Write a block; it need not be on disk before `commit`. */
  | { readonly kind: "put"; readonly hash: Hash; readonly bytes: Uint8Array }
  /** Put all blocks written so far and then the manifest on disk for good. Answer `committed` or `commit-failed`. */
  | { readonly kind: "commit"; readonly manifest: Manifest }
  /** Manifests and blocks that are of no use any more. May fail or never happen. */
  | { readonly kind: "discard"; readonly positions: readonly Position[]; readonly hashes: readonly Hash[] }
  /** Read these blocks and send them, in `blocks` messages. Those that are damaged are reported by `damaged` instead. */
  | {
      readonly kind: "supply";
      readonly to: ReplicaId;
      readonly epoch: number;
      readonly hashes: readonly Hash[];
    }
  /** Read the directory by its reading order; put its blocks into the store. Answer `captured` or `capture-failed`. */
  | { readonly kind: "capture"; readonly ticket: number }
  /** Make the directory what the snapshot says, all of it or nothing. Answer `restored` or `restore-failed`. */
  | { readonly kind: "restore"; readonly manifest: Manifest }
  /** This machine leads, and a majority knows it: what works on the directory may start. */
  | { readonly kind: "leading"; readonly position: Position; readonly replicas: readonly ReplicaId[] }
  /** A majority of the replicas has this snapshot on disk. Everything in it survives whatever a majority survives. */
  | { readonly kind: "acknowledged"; readonly position: Position; readonly replicas: readonly ReplicaId[] }
  /** This machine leads no longer, or never will under that nomination: what works on the directory must stop. */
  | { readonly kind: "deposed"; readonly epoch: number; readonly reason: string };

/** "I follow `leader` in `epoch`, and nobody of an earlier one." On disk before anybody is told. */
export interface KeptPromise {
  readonly epoch: number;
  readonly leader: ReplicaId;
}

export type ReplicationRole =
  | { readonly kind: "follower" }
  /** Nominated, not leading yet: what it waits for, in words. */
  | { readonly kind: "candidate"; readonly epoch: number; readonly waitingFor: string }
  | { readonly kind: "leader"; readonly epoch: number };

/** What a machine says of itself, for people and for status. */
export interface ReplicationStatus {
  readonly role: ReplicationRole;
  readonly report: ReplicaReport;
  /** The leader's: the newest snapshot that a majority keeps. */
  readonly acknowledged?: Position;
  /** The leader's: how far each other one has come in this epoch, 0 for nothing. */
  readonly followers?: Readonly<Record<ReplicaId, number>>;
  /** What went wrong last and was not mended since: a full disk, a directory that cannot be read. */
  readonly trouble?: string;
}
