import type { Logger } from "@cluster-os/std";
import type { Address } from "../member.ts";

/** One network interface that takes part, and its addresses. */
export interface NetworkInterface {
  readonly name: string;
  /** Without zone or prefix length. */
  readonly addresses: readonly {
    readonly address: string;
    readonly family: "IPv4" | "IPv6";
    readonly cidr: string;
  }[];
}

export interface NetworkOptions {
  readonly port: number;
  readonly logger: Logger;
  readonly onDatagram: (from: Address, bytes: Uint8Array) => void;
  /** Which interfaces take part. Default: all but loopback, the mesh's own and those of containers. */
  readonly interfaces?: (name: string) => boolean;
}

export interface Network extends AsyncDisposable {
  send(to: Address, bytes: Uint8Array): void;
  multicast(bytes: Uint8Array): void;
  interfaces(): readonly NetworkInterface[];
}

export function openNetwork(_options: NetworkOptions): Promise<Network> {
  throw new Error("in work");
}
