import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Complaints } from "./complaints.ts";
import { formatAddress, type Endpoint } from "./endpoint.ts";
import { broadcastAddress, type NetworkInterface } from "./interfaces.ts";

/** Where beacons go: a group of our own on every link. IPv6's works with no address configured at all. */
const GROUP_V6 = "ff02::c05";
const GROUP_V4 = "239.77.86.86";

/** Room for the datagrams of a join storm while this process is busy. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

export interface DatagramsOptions {
  readonly port: number;
  readonly complaints: Complaints;
  readonly onDatagram: (from: string, bytes: Uint8Array) => void;
}

/**
 * The UDP side of the gossip port. One socket per family receives everything; besides, each IPv4 address has a socket of
 * its own, since the interface that a multicast leaves by is a property of the socket and not of the datagram.
 */
export class Datagrams implements AsyncDisposable {
  readonly #options: DatagramsOptions;
  readonly #v6: Socket;
  readonly #v4: Socket;
  /** By IPv4 address. */
  readonly #senders = new Map<string, Socket>();
  /** Links whose groups were joined: interface names for IPv6, addresses for IPv4. */
  readonly #joined = new Set<string>();
  #interfaces: readonly NetworkInterface[] = [];

  private constructor(options: DatagramsOptions, v6: Socket, v4: Socket) {
    this.#options = options;
    this.#v6 = v6;
    this.#v4 = v4;
  }

  static async open(options: DatagramsOptions): Promise<Datagrams> {
    const v6 = await bind(createSocket({ type: "udp6", ipv6Only: true, reuseAddr: true }), "::", options);
    const v4 = await bind(createSocket({ type: "udp4", reuseAddr: true }), "0.0.0.0", options).catch(
      (error: unknown) => {
        v6.close();
        throw error;
      },
    );
    return new Datagrams(options, v6, v4);
  }

  send(to: Endpoint, bytes: Uint8Array): void {
    const socket = isIPv6(to.host) ? this.#v6 : this.#v4;
    this.#transmit(socket, bytes, to.port, to.host);
  }

  /** One copy on every interface: IPv6 first, then IPv4's group, then the subnet's broadcast where groups are filtered. */
  multicast(bytes: Uint8Array): void {
    const { port } = this.#options;
    for (const { name, addresses } of this.#interfaces) {
      if (addresses.some(({ family }) => family === "IPv6"))
        this.#transmit(this.#v6, bytes, port, `${GROUP_V6}%${name}`);
      for (const { address, cidr, family } of addresses) {
        const sender = family === "IPv4" ? this.#senders.get(address) : undefined;
        if (!sender) continue;
        this.#transmit(sender, bytes, port, GROUP_V4);
        const broadcast = broadcastAddress(cidr);
        if (broadcast !== undefined) this.#transmit(sender, bytes, port, broadcast);
      }
    }
  }

  /** The machine's interfaces changed, or may have. */
  async use(interfaces: readonly NetworkInterface[]): Promise<void> {
    this.#interfaces = interfaces;
    const links = interfaces.filter(({ addresses }) => addresses.some(({ family }) => family === "IPv6"));
    const v4 = interfaces.flatMap(({ addresses }) => addresses.filter(({ family }) => family === "IPv4"));
    const present = new Set([...links.map(({ name }) => name), ...v4.map(({ address }) => address)]);
    for (const gone of [...this.#joined].filter((one) => !present.has(one))) this.#joined.delete(gone);
    for (const { name } of links) this.#join(name, () => this.#v6.addMembership(GROUP_V6, `::%${name}`));
    for (const { address } of v4) this.#join(address, () => this.#v4.addMembership(GROUP_V4, address));
    await this.#keepSenders(new Set(v4.map(({ address }) => address)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sockets = [this.#v6, this.#v4, ...this.#senders.values()];
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  #join(link: string, join: () => void): void {
    if (this.#joined.has(link)) return;
    try {
      join();
      this.#joined.add(link);
    } catch (error) {
      // The kernel keeps a membership over a short absence of the interface, and then says so.
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") this.#joined.add(link);
      else this.#options.complaints.hear("joining a multicast group", error);
    }
  }

  async #keepSenders(addresses: ReadonlySet<string>): Promise<void> {
    for (const [address, socket] of this.#senders) {
      if (addresses.has(address)) continue;
      this.#senders.delete(address);
      socket.close();
    }
    for (const address of addresses) {
      if (this.#senders.has(address)) continue;
      try {
        const socket = await bind(createSocket({ type: "udp4", reuseAddr: true }), address, this.#options);
        socket.setMulticastInterface(address);
        socket.setMulticastTTL(1);
        socket.setBroadcast(true);
        this.#senders.set(address, socket);
      } catch (error) {
        this.#options.complaints.hear("opening a socket for an address", error);
      }
    }
  }

  #transmit(socket: Socket, bytes: Uint8Array, port: number, host: string): void {
    const complain = (error: unknown): void => this.#options.complaints.hear("sending a datagram", error);
    try {
      socket.send(bytes, port, host, (error) => {
        if (error) complain(error);
      });
    } catch (error) {
      complain(error);
    }
  }
}

/** Binds and starts to receive. */
async function bind(socket: Socket, address: string, options: DatagramsOptions): Promise<Socket> {
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port: options.port }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  socket.on("error", (error) => options.complaints.hear("receiving datagrams", error));
  socket.on("message", (bytes, { address: host, port }) =>
    options.onDatagram(formatAddress({ host, port }), bytes),
  );
  socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  return socket;
}
