import { readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { WireGuardError, type DeviceChange, type DeviceState, type WireGuardDevice } from "../device.ts";
import { checkAnswer, encodeChange, GET_REQUEST, parseState } from "../uapi.ts";

export interface UserspaceWireGuardOptions {
  /** Where the daemons put their sockets. Default /run/wireguard. */
  readonly socketFolder?: string;
  /** X25519: the public key of a private one, 32 raw bytes each. */
  readonly publicKeyOf: (privateKey: Uint8Array) => Uint8Array;
}

const TIMEOUT_MS = 5_000;

/** WireGuard in a userspace daemon (wireguard-go), driven over its unix socket. */
export class UserspaceWireGuard implements WireGuardDevice {
  readonly #folder: string;
  readonly #publicKeyOf: (privateKey: Uint8Array) => Uint8Array;

  constructor(options: UserspaceWireGuardOptions) {
    this.#folder = options.socketFolder ?? "/run/wireguard";
    this.#publicKeyOf = options.publicKeyOf;
  }

  async list(): Promise<readonly string[]> {
    const entries = await readdir(this.#folder).catch(() => []);
    return entries.filter((entry) => entry.endsWith(".sock")).map((entry) => entry.slice(0, -".sock".length));
  }

  async get(name: string): Promise<DeviceState> {
    return parseState(name, await this.#ask(name, GET_REQUEST), this.#publicKeyOf);
  }

  async configure(name: string, change: DeviceChange): Promise<void> {
    checkAnswer(name, await this.#ask(name, encodeChange(change)));
  }

  /** wireguard-go ends, and takes its interface along, when its socket is removed. */
  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.sock`);
  }

  /** One request and its answer, which ends with an empty line. */
  #ask(name: string, request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string, cause?: unknown): void => {
        socket.destroy();
        reject(new WireGuardError(`the WireGuard interface ${name} does not answer: ${reason}`, { cause }));
      };
      const socket = connect(this.#path(name), () => socket.write(request));
      let answer = "";
      socket.setEncoding("utf8");
      socket.setTimeout(TIMEOUT_MS, () => fail(`no answer within ${TIMEOUT_MS / 1000} s`));
      socket.on("error", (error) => fail(error.message, error));
      socket.on("close", () => fail("it closed the connection"));
      socket.on("data", (part: string) => {
        answer += part;
        if (!answer.endsWith("\n\n")) return;
        resolve(answer);
        socket.destroy();
      });
    });
  }
}
