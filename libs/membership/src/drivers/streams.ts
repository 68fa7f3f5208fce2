import { connect, createServer, type Server, type Socket } from "node:net";
import type { Complaints } from "./complaints.ts";
import { formatAddress, type Endpoint } from "./endpoint.ts";

/**
 * What does not fit a datagram goes over a TCP connection of its own: 4 bytes length, 2 bytes gossip port of the sender,
 * then the message; all numbers big-endian. The port says where answers go, since a connection's own is random.
 */
const HEADER_BYTES = 6;
const LARGEST_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const MOST_CONNECTIONS = 64;

export interface StreamsOptions {
  readonly port: number;
  readonly complaints: Complaints;
  readonly onMessage: (from: string, bytes: Uint8Array) => void;
}

/** The TCP side of the gossip port: one message per connection. */
export class Streams implements AsyncDisposable {
  readonly #options: StreamsOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: StreamsOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#receive(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  static async open(options: StreamsOptions): Promise<Streams> {
    const streams = new Streams(options);
    await new Promise<void>((resolve, reject) => {
      streams.#server.once("error", reject);
      streams.#server.listen({ host: "::", port: options.port }, () => {
        streams.#server.off("error", reject);
        resolve();
      });
    });
    streams.#server.on("error", (error) => options.complaints.hear("accepting connections", error));
    return streams;
  }

  send(to: Endpoint, bytes: Uint8Array): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32BE(bytes.length, 0);
    header.writeUInt16BE(this.#options.port, 4);
    const socket = connect({ host: to.host, port: to.port });
    this.#watch(socket, "sending a large message");
    socket.write(header);
    socket.end(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #receive(socket: Socket): void {
    this.#watch(socket, "receiving a large message");
    const { remoteAddress } = socket;
    let received = Buffer.alloc(0);
    socket.on("data", (part: Buffer) => {
      received = Buffer.concat([received, part]);
      if (received.length < HEADER_BYTES) return;
      const length = received.readUInt32BE(0);
      const port = received.readUInt16BE(4);
      if (length > LARGEST_BYTES || port === 0 || received.length > HEADER_BYTES + length)
        return void socket.destroy();
      if (received.length < HEADER_BYTES + length || remoteAddress === undefined) return;
      socket.destroy();
      this.#options.onMessage(formatAddress({ host: remoteAddress, port }), received.subarray(HEADER_BYTES));
    });
  }

  /** No connection outlives its time, and none outlives this object. */
  #watch(socket: Socket, doing: string): void {
    this.#sockets.add(socket);
    const deadline = setTimeout(() => socket.destroy(), TIMEOUT_MS);
    socket.on("error", (error) => this.#options.complaints.hear(doing, error));
    socket.on("close", () => {
      clearTimeout(deadline);
      this.#sockets.delete(socket);
    });
  }
}
