/** A small Kubernetes client, and what controllers need around it. */
export * from "./client/client.ts";
export * from "./client/connection.ts";
export { KubeError, when } from "./client/error.ts";
export * from "./informer/feed.ts";
export * from "./informer/informer.ts";
export * from "./informer/store.ts";
export * from "./leader/elector.ts";
export { ELECTION_TIMES, patientElection, type ElectionTimes } from "./leader/plan.ts";
export * from "./manager/manager.ts";
export * from "./object.ts";
export * from "./resource.ts";
export * from "./well-known.ts";
export * from "./write/applied.ts";
export * from "./write/event-recorder.ts";
export * from "./write/metadata.ts";
