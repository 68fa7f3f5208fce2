/**
 * From strangers on a LAN to members of one cluster: beacons, genesis by ballot, applications; and which machine begins
 * Kubernetes. NodeProtocol composes it with membership into what one node runs.
 */
export * from "./config.ts";
export * from "./diagnostic.ts";
export * from "./node-protocol.ts";
