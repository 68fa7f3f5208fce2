/** The way to a fencer: vouch for its program until a time, have it given up, and ask how it stands. */
export * from "./client.ts";
export * from "./status.ts";
