import { createSocket, type Socket } from "node:dgram";
import type { Rng } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import { mutated } from "./corpus.ts";

/** So many at once fit the receive buffer of the gossip port: they are all to be looked at, none lost on the way. */
const VOLLEY = 500;
const PATIENCE_MS = 20_000;

/** Sends mutated datagrams, as fast as they are taken. */
export class DatagramGun implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #port: number;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
  }

  static async open(port: number): Promise<DatagramGun> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new DatagramGun(socket, port);
  }

  async fire(options: {
    readonly messages: readonly Uint8Array[];
    readonly rng: Rng;
    readonly count: number;
    readonly heard: () => Promise<number>;
  }): Promise<void> {
    const { messages, rng, count, heard } = options;
    for (let sent = 0; sent < count; sent += VOLLEY) {
      const before = await heard();
      const size = Math.min(VOLLEY, count - sent);
      for (let at = 0; at < size; at += 1) this.#socket.send(mutated(rng, messages), this.#port, "127.0.0.1");
      const deadline = performance.now() + PATIENCE_MS;
      while ((await heard()) < before + size) {
        if (performance.now() > deadline) throw new Error("datagrams are lost on the way, or not taken");
        await delay(1);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}
