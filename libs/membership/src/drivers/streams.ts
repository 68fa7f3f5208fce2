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
    const parts: Buffer[] = [];
    let size = 0;
    let frame: Frame | undefined;
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      size += part.length;
      if (size < HEADER_BYTES) return;
      // Put together once for the header and once for the whole: a stream that dribbles costs no more than another.
      frame ??= readFrame(Buffer.concat(parts));
      if (!frame || size > frame.size || remoteAddress === undefined) return void socket.destroy();
      if (size < frame.size) return;
      socket.destroy();
      const from = formatAddress({ host: remoteAddress, port: frame.port });
      this.#options.onMessage(from, Buffer.concat(parts).subarray(HEADER_BYTES));
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

interface Frame {
  /** Header and message, in bytes. */
  readonly size: number;
  readonly port: number;
}

/** What the header announces; undefined if it is more than anyone sends. */
function readFrame(header: Buffer): Frame | undefined {
  const length = header.readUInt32BE(0);
  const port = header.readUInt16BE(4);
  return length > LARGEST_BYTES || port === 0 ? undefined : { size: HEADER_BYTES + length, port };
}
