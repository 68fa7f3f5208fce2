import { createServer, type Server, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { describeError, type Logger } from "@cluster-os/std";
import type { ReplicaId } from "../manifest.ts";
import type { Hearer, Transport } from "../transport.ts";
import type { CertificateSubject } from "./certificate.ts";
import { FrameReader } from "./frames.ts";
import { Line } from "./tls-line.ts";
import { HANDSHAKE_MS, peerOf } from "./tls-peer.ts";

export interface Credentials {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** Whose certificates are believed. */
  readonly caPem: string;
}

export interface TlsTransportOptions {
  readonly self: ReplicaId;
  /** The mesh address and port to listen on, and no other. */
  readonly host: string;
  readonly port: number;
  /** This machine's own, asked for at each connection: it may have been renewed. Undefined while there is none. */
  readonly credentials: () => Credentials | undefined;
  /** Where a replica is reached; undefined for one that is unknown or admitted no longer. */
  readonly addressOf: (replica: ReplicaId) => { readonly host: string; readonly port: number } | undefined;
  /** Which replica a certificate's subject is; undefined for anybody else. */
  readonly replicaOf: (subject: CertificateSubject) => ReplicaId | undefined;
  readonly logger: Logger;
  /**
   * How long a certificate is believed after its end. Who may speak is decided by the mesh within seconds; this only lets replicas
   * go on while nobody renews certificates. Default: a day.
   */
  readonly graceMs?: number;
  /**
   * A connection on which nothing comes back for so long is made anew, in milliseconds. TCP itself would go on with one from before a
   * partition, and try again as seldom as it learned to meanwhile: up to minutes after the network is whole. Default: 3 s.
   */
  readonly silenceMs?: number;
}

/** What a hearer says for whatever came, whole messages or parts: that it came. */
const CAME = Uint8Array.of(0);
const MOST_CONNECTIONS = 128;

/**
 * TLS 1.3 between machines, with certificates on both sides. Each machine speaks on a connection that it made itself, and hears on
 * those that others made; all that goes the other way is a byte for whatever came. Besides the certificate, a peer has to
 * come from its own mesh address: two proofs of who it is, as for the peer API.
 */
export async function openTlsTransport(options: TlsTransportOptions): Promise<Transport & AsyncDisposable> {
  const transport = new TlsTransport(options);
  await transport.open();
  return transport;
}

class TlsTransport implements Transport, AsyncDisposable {
  readonly #options: TlsTransportOptions;
  readonly #server: Server;
  readonly #hearers = new Set<Hearer>();
  readonly #sockets = new Set<Socket>();
  /** On which each replica speaks. */
  readonly #heard = new Map<ReplicaId, TLSSocket>();
  readonly #lines = new Map<ReplicaId, Line>();

  constructor(options: TlsTransportOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  async open(): Promise<void> {
    const { host, port, logger } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#server.on("error", (error) =>
      logger.error("replicas cannot connect", { error: describeError(error) }),
    );
  }

  send(to: ReplicaId, bytes: Uint8Array): void {
    let line = this.#lines.get(to);
    if (!line) this.#lines.set(to, (line = new Line(to, this.#options)));
    line.send(bytes);
  }

  listen(hear: Hearer): Disposable {
    this.#hearers.add(hear);
    return { [Symbol.dispose]: () => void this.#hearers.delete(hear) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const line of this.#lines.values()) line.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    const { logger, credentials } = this.#options;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const own = credentials();
    if (!own) return void socket.destroy();
    const remoteAddress = socket.remoteAddress ?? "";
    const secured = new TLSSocket(socket, {
      isServer: true,
      key: own.keyPem,
      cert: own.certificatePem,
      minVersion: "TLSv1.3",
      requestCert: true,
      // Judged below: by authority, subject and address.
      rejectUnauthorized: false,
    });
    const deadline = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    secured.on("close", () => clearTimeout(deadline));
    secured.on("error", (error) => {
      logger.debug("connection of a replica ended", { remoteAddress, error: describeError(error) });
      socket.destroy();
    });
    secured.once("secure", () => {
      clearTimeout(deadline);
      try {
        this.#hear(secured, peerOf(secured, own, remoteAddress, this.#options));
      } catch (error) {
        logger.warn("connection refused", { remoteAddress, error: describeError(error) });
        socket.destroy();
      }
    });
  }

  #hear(secured: TLSSocket, from: ReplicaId): void {
    // It gave up the former one, whose end may never have come through.
    this.#heard.get(from)?.destroy();
    this.#heard.set(from, secured);
    secured.on("close", () => {
      if (this.#heard.get(from) === secured) this.#heard.delete(from);
    });
    const reader = new FrameReader();
    secured.on("data", (part: Buffer) => {
      // One that waits says the same.
      if (secured.writableLength === 0) secured.write(CAME);
      try {
        for (const message of reader.push(part)) for (const hear of this.#hearers) hear(from, message);
      } catch (error) {
        this.#options.logger.warn("connection dropped", { from, error: describeError(error) });
        secured.destroy();
      }
    });
  }
}
