/** A small Kubernetes client, and what controllers need around it. */
export * from "./client/client.ts";
export * from "./client/connection.ts";
export { KubeError, when } from "./client/error.ts";
export * from "./object.ts";
export * from "./resource.ts";
export * from "./well-known.ts";
