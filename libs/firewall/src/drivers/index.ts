/** The firewall of a real machine: nftables, and where its SSH listens. */
export * from "./nftables.ts";
export * from "./ssh.ts";
