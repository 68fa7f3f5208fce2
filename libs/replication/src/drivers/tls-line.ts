import type { TcpSocketConnectOpts } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { backoffMs, describeError } from "@cluster-os/std";
import { systemClock, systemRng } from "@cluster-os/std/drivers";
import type { ReplicaId } from "../manifest.ts";
import { CertificateError } from "./certificate.ts";
import { frame, LARGEST_MESSAGE_BYTES } from "./frames.ts";
import { HANDSHAKE_MS, peerOf } from "./tls-peer.ts";
import type { Credentials, TlsTransportOptions } from "./tls-transport.ts";

const SILENCE_MS = 3_000;
const RECONNECT = { initialMs: 100, maxMs: 2_000, factor: 2 };
/** What waits for a connection, at most; what is more is lost, as on any wire. */
const WAITING_BYTES = 2 * LARGEST_MESSAGE_BYTES;

/** What this machine says to one other. */
export class Line {
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
