/**
 * A directory kept on several machines: snapshots of it, counted by epoch and sequence, that a majority has on disk before they are
 * called acknowledged. A core without I/O; it decides which snapshot is the newest, never who shall lead.
 */
export { defaultReplicationConfig, type ReplicationConfig } from "./config.ts";
export {
  BLOCK_BYTES,
  hashOf,
  isSafePath,
  ManifestError,
  sameEntries,
  sortEntries,
  type Entry,
  type Hash,
} from "./entry.ts";
export {
  blocksOf,
  decodeManifest,
  encodeManifest,
  positionOf,
  type Manifest,
  type ReplicaId,
} from "./manifest.ts";
export { decodeMessage, encodeMessage, MessageError, type Message } from "./message.ts";
export { applyDifference, encodeDifference } from "./difference.ts";
export { newest, type Choice, type ReplicaReport } from "./newest.ts";
export { comparePositions, reaches, showPosition, type Position } from "./position.ts";
export type {
  KeptPromise,
  Nomination,
  ReplicationEffect,
  ReplicationInput,
  ReplicationOptions,
  ReplicationRole,
  ReplicationStatus,
} from "./protocol.ts";
export {
  isKept,
  mayVanish,
  plainReadingOrder,
  planReading,
  slurmReadingOrder,
  type ReadingOrder,
  type ReadStep,
} from "./reading-order.ts";
export { nextReplicas, type SetChange } from "./replica-set.ts";
export { Replication } from "./replication.ts";
export { SOUND_RULES, type ReplicationRules } from "./rules.ts";
export {
  EMPTY_INVENTORY,
  PromiseError,
  takeInventory,
  type Inventory,
  type StoreContents,
} from "./store/inventory.ts";
export {
  BLOCKS_FOLDER,
  blockPath,
  foundingSteps,
  MANIFESTS_FOLDER,
  PROMISE_FILE,
  type DiskStep,
} from "./store/layout.ts";
export { StorePlanner } from "./store/planner.ts";
export { MemoryStore } from "./store/memory.ts";
export { StoreError, type Store } from "./store/store.ts";
export { MemoryNetwork, type Hearer, type Transport } from "./transport.ts";
