/** Whole clusters in one process: virtual time, a lossy network, crashes, one seed that replays it all. */
export { simulate } from "./simulation.ts";
export * from "./options.ts";
export type { Focus } from "./faults.ts";
export { simulateRotation, type RotationOptions, type RotationOutcome } from "./rotation.ts";
export { GossipWorld, type GossipOptions } from "./gossip-world.ts";
export {
  recordHistory,
  runHistory,
  type HistoryOptions,
  type HistoryReport,
  type RecordedHistory,
} from "./control-plane/history.ts";
export type { Moment, RecordedChange, RecordedMachine } from "./control-plane/recording.ts";
export type { ModelRules } from "./control-plane/model.ts";
export {
  runReplicationHistory,
  type ReplicationHistoryOptions,
  type ReplicationHistoryReport,
} from "./replication/history.ts";
export type { ReplicationVariation } from "./replication/machine.ts";
export type { Conditions } from "./network.ts";
export { SimulatedMember } from "./simulated-member.ts";
