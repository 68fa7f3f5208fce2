/** The gossip port on a real machine. */
export type { NetworkInterface } from "./interfaces.ts";
export { openNetwork, type Network, type NetworkOptions } from "./network.ts";
