/** Netlink protocols (linux/netlink.h). */
export const NETLINK = { ROUTE: 0, GENERIC: 16 } as const;

/** A socket to the kernel, and to the kernel alone. Failures are errors with a positive `errno`. */
export interface NetlinkSocket {
  /** One datagram. What it asks for is done, or refused, once the promise is settled; the answers wait to be received. */
  send(datagram: Uint8Array): Promise<void>;
  /** The next datagram. It is the caller's. */
  receive(timeoutMs: number): Promise<Uint8Array>;
  /** Calls under way fail, or end with their timeout. */
  close(): void;
}

export type OpenNetlink = (protocol: number) => NetlinkSocket;
