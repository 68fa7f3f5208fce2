import { X509Certificate } from "node:crypto";
import { createServer, type Server, type Socket, type TcpSocketConnectOpts } from "node:net";
import { connect, TLSSocket, type ConnectionOptions } from "node:tls";
import { backoffMs, describeError, type Logger } from "@cluster-os/std";
import { systemClock, systemRng } from "@cluster-os/std/drivers";
import type { ReplicaId } from "../manifest.ts";
import type { Hearer, Transport } from "../transport.ts";
import { CertificateError, checkCertificate, type CertificateSubject } from "./certificate.ts";
import { frame, FrameReader, LARGEST_MESSAGE_BYTES } from "./frames.ts";

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

const DAY_MS = 24 * 3600 * 1000;
const HANDSHAKE_MS = 5_000;
const SILENCE_MS = 3_000;
/** What a hearer says for whatever came, whole messages or parts: that it came. */
const CAME = Uint8Array.of(0);
const RECONNECT = { initialMs: 100, maxMs: 2_000, factor: 2 };
/** What waits for a connection, at most; what is more is lost, as on any wire. */
const WAITING_BYTES = 2 * LARGEST_MESSAGE_BYTES;
const MOST_CONNECTIONS = 128;

/**
 * TLS 1.3 between machines, with certificates on both sides. Each machine speaks on a connection that it made itself, and hears on
 * those that others made; all that goes the other way is a byte for whatever came. Besides the certificate, a peer has to come from its own mesh address: two proofs of who it is, as for
 * the peer API.
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

/** What this machine says to one other. */
class Line {
  readonly #to: ReplicaId;
  readonly #options: TlsTransportOptions;
  #socket: TLSSocket | undefined;
  #isSecure = false;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #failures = 0;
  #notBefore = 0;
  #retry: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(to: ReplicaId, options: TlsTransportOptions) {
    this.#to = to;
    this.#options = options;
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed || bytes.length > LARGEST_MESSAGE_BYTES) return;
    if (this.#socket && this.#isSecure) return this.#write(this.#socket, bytes);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    while (this.#waitingBytes > WAITING_BYTES)
      this.#waitingBytes -= this.#waiting.shift()?.length ?? Infinity;
    this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#hears();
    this.#socket?.destroy();
  }

  #write(socket: TLSSocket, bytes: Uint8Array): void {
    this.#silence ??= this.#listenTo(socket);
    // Who does not read is told again later; memory is not for waiting.
    if (socket.writableLength > WAITING_BYTES) return;
    socket.cork();
    for (const part of frame(bytes)) socket.write(part);
    socket.uncork();
  }

  #listenTo(socket: TLSSocket): NodeJS.Timeout {
    const { silenceMs = SILENCE_MS, logger } = this.#options;
    const silence = setTimeout(() => {
      // After a pause of this process timers come before what was received meanwhile.
      setImmediate(() => {
        if (this.#silence !== silence) return;
        logger.info("a replica is silent, connecting anew", { to: this.#to, silenceMs });
        socket.destroy();
      });
    }, silenceMs).unref();
    return silence;
  }

  #hears(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  #connect(): void {
    const { credentials, addressOf } = this.#options;
    if (this.#socket || this.#retry || this.#isClosed) return;
    const wait = this.#notBefore - systemClock.now();
    if (wait > 0) {
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        if (this.#waiting.length > 0) this.#connect();
      }, wait);
      this.#retry.unref();
      return;
    }
    const own = credentials();
    const address = addressOf(this.#to);
    if (own && address) this.#dial(own, address);
    else this.#failed();
  }

  #dial(own: Credentials, address: { readonly host: string; readonly port: number }): void {
    const connection: ConnectionOptions & TcpSocketConnectOpts = {
      ...address,
      localAddress: this.#options.host,
      key: own.keyPem,
      cert: own.certificatePem,
      minVersion: "TLSv1.3",
      rejectUnauthorized: false,
    };
    const socket = connect(connection).setNoDelay();
    this.#socket = socket;
    const deadline = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    socket.on("error", (error) => {
      this.#options.logger.debug("replica not reached", { to: this.#to, error: describeError(error) });
    });
    socket.on("close", () => {
      clearTimeout(deadline);
      this.#hears();
      this.#socket = undefined;
      this.#isSecure = false;
      this.#failed();
    });
    socket.once("secureConnect", () => {
      clearTimeout(deadline);
      this.#secured(socket, own);
    });
  }

  #secured(socket: TLSSocket, own: Credentials): void {
    try {
      const peer = peerOf(socket, own, socket.remoteAddress ?? "", this.#options);
      if (peer !== this.#to) throw new CertificateError(`${peer} answers at the address of ${this.#to}`);
    } catch (error) {
      this.#options.logger.warn("connection given up", { to: this.#to, error: describeError(error) });
      return void socket.destroy();
    }
    socket.on("data", () => this.#hears());
    this.#isSecure = true;
    this.#failures = 0;
    this.#waitingBytes = 0;
    for (const bytes of this.#waiting.splice(0)) this.#write(socket, bytes);
  }

  #failed(): void {
    this.#failures += 1;
    this.#notBefore = systemClock.now() + backoffMs(RECONNECT, this.#failures, systemRng);
    // What waited is old by the next time; whoever sent it says it again.
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

/** Who is at the other end. Throws CertificateError if that is nobody who may speak here. */
function peerOf(
  socket: TLSSocket,
  { caPem }: Credentials,
  remoteAddress: string,
  { replicaOf, addressOf, graceMs = DAY_MS }: TlsTransportOptions,
): ReplicaId {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) throw new CertificateError("the peer has no certificate");
  const subject = checkCertificate(new X509Certificate(certificate.raw), {
    caPem,
    now: systemClock.wallTime(),
    graceMs,
  });
  const replica = replicaOf(subject);
  const address = replica === undefined ? undefined : addressOf(replica);
  if (replica === undefined || !address)
    throw new CertificateError(`${subject.commonName} is no replica here`);
  if (address.host !== remoteAddress) {
    throw new CertificateError(`${replica} came from ${remoteAddress}, not from its own mesh address`);
  }
  return replica;
}
