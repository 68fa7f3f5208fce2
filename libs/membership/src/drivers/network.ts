import type { Logger } from "@cluster-os/std";
import type { Address } from "../member.ts";
import { Complaints } from "./complaints.ts";
import { Datagrams } from "./datagrams.ts";
import { parseAddress } from "./endpoint.ts";
import { readInterfaces, type NetworkInterface } from "./interfaces.ts";
import { Streams } from "./streams.ts";

export interface NetworkOptions {
  readonly port: number;
  readonly logger: Logger;
  /** Everything that comes to the port, by datagram or stream. `from` is where an answer goes. */
  readonly onDatagram: (from: Address, bytes: Uint8Array) => void;
  /** Whether an interface of this name takes part. */
  readonly isWanted: (name: string) => boolean;
}

export interface Network extends AsyncDisposable {
  /** Sends, or loses the message as networks do: errors are logged once per kind and never thrown. */
  send(to: Address, bytes: Uint8Array): void;
  /** To whoever listens on the links of this machine; the sender's own copy comes back too. */
  multicast(bytes: Uint8Array): void;
  interfaces(): readonly NetworkInterface[];
}

/** What is larger goes over TCP: it fits every path without fragments, WireGuard's and PPPoE's included. */
const LARGEST_DATAGRAM_BYTES = 1_200;
/** A cable that is plugged in is noticed within this time. */
const RESCAN_MS = 2_000;

/** Opens the gossip port, UDP and TCP, on every sensible interface, and follows the interfaces as they come and go. */
export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const { port, onDatagram } = options;
  const complaints = new Complaints(options.logger);
  // What is open already is closed again if the rest cannot be opened.
  await using opened = new AsyncDisposableStack();
  const datagrams = opened.use(await Datagrams.open({ port, complaints, onDatagram }));
  const streams = opened.use(await Streams.open({ port, complaints, onMessage: onDatagram }));
  let interfaces: readonly NetworkInterface[] = [];
  const rescan = async (): Promise<void> => {
    interfaces = readInterfaces(options.isWanted);
    await datagrams.use(interfaces);
  };
  await rescan();
  const sockets = opened.move();
  let scanning = Promise.resolve();
  const timer = setInterval(() => {
    scanning = scanning
      .then(rescan)
      .catch((error: unknown) => complaints.hear("looking at the interfaces", error));
  }, RESCAN_MS);
  return {
    send: (to, bytes) => {
      const endpoint = parseAddress(to);
      if (!endpoint) return;
      if (bytes.length <= LARGEST_DATAGRAM_BYTES) datagrams.send(endpoint, bytes);
      else streams.send(endpoint, bytes);
    },
    multicast: (bytes) => datagrams.multicast(bytes),
    interfaces: () => interfaces,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await scanning;
      await sockets.disposeAsync();
    },
  };
}
