/**
 * Who a node is and what it may sign. An Ed25519 key is the node; statements are signed records in deterministic CBOR;
 * secrets travel sealed to one recipient. Nothing here knows what the statements mean.
 */
export * from "./agreement-proof.ts";
export * from "./codec.ts";
export * from "./keys.ts";
export * from "./node-id.ts";
export * from "./pair-secret.ts";
export * from "./record.ts";
export * from "./seal.ts";
export * from "./small-order.ts";
