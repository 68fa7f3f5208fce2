import { readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { WireGuardError, type DeviceChange, type DeviceState, type WireGuardDevice } from "../device.ts";
import { checkAnswer, encodeChange, GET_REQUEST, parseState } from "../uapi.ts";

export interface UserspaceWireGuardOptions {
  /** Where the daemons put their sockets. Default /run/wireguard, which on most systems is /var/run/wireguard too. */
  readonly socketFolder?: string;
  /** X25519: the public key of a private one, 32 raw bytes each. */
  readonly publicKeyOf: (privateKey: Uint8Array) => Uint8Array;
}

const SOCKET_FOLDERS = ["/run/wireguard", "/var/run/wireguard"];
const SUFFIX = ".sock";
const TIMEOUT_MS = 5_000;

/**
 * WireGuard in a userspace daemon (wireguard-go), driven over its unix socket. The daemon makes the interface when it
 * starts; here it is only set, asked and ended.
 */
export class UserspaceWireGuard implements WireGuardDevice {
  readonly #folders: readonly string[];
  readonly #publicKeyOf: (privateKey: Uint8Array) => Uint8Array;

  constructor(options: UserspaceWireGuardOptions) {
    this.#folders = options.socketFolder === undefined ? SOCKET_FOLDERS : [options.socketFolder];
    this.#publicKeyOf = options.publicKeyOf;
  }

  async list(): Promise<readonly string[]> {
    const sockets = await Promise.all(this.#folders.map(socketsIn));
    return [...new Set(sockets.flat().map((socket) => socket.slice(0, -SUFFIX.length)))];
  }

  async get(name: string): Promise<DeviceState> {
    return parseState(name, await this.#ask(name, GET_REQUEST), this.#publicKeyOf);
  }

  async configure(name: string, change: DeviceChange): Promise<void> {
    checkAnswer(name, await this.#ask(name, encodeChange(change)));
  }

  /** The daemon ends, and its interface with it, when its socket is removed. */
  async remove(name: string): Promise<void> {
    for (const folder of this.#folders) await rm(join(folder, socketOf(name)), { force: true });
  }

  async #ask(name: string, request: string): Promise<string> {
    const socket = socketOf(name);
    for (const folder of this.#folders) {
      if ((await socketsIn(folder)).includes(socket)) return ask(name, join(folder, socket), request);
    }
    throw new WireGuardError(
      `there is no userspace WireGuard interface ${name} (no ${socket} in ${this.#folders.join(" or ")}); ` +
        `start its daemon, for cos0 with systemctl start cluster-os-wireguard`,
    );
  }
}

/** One request on a connection of its own: the daemon reads ahead, and would lose a second one. */
function ask(name: string, path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      socket.destroy();
      reject(new WireGuardError(`the WireGuard interface ${name} does not answer: ${reason}`, { cause }));
    };
    const socket = connect(path, () => socket.write(request));
    let answer = "";
    socket.setEncoding("utf8");
    socket.setTimeout(TIMEOUT_MS, () => fail(`nothing for ${TIMEOUT_MS / 1000} s`));
    socket.on("error", (error) => fail(error.message, error));
    socket.on("close", () => fail("it closed the connection"));
    socket.on("data", (part: string) => {
      answer += part;
      // The only empty line is the last.
      if (!answer.endsWith("\n\n")) return;
      resolve(answer);
      socket.destroy();
    });
  });
}

async function socketsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    // Made by the first daemon that starts.
    if (error.code === "ENOENT") return [];
    throw new WireGuardError(`cannot look for WireGuard's sockets in ${folder}`, { cause: error });
  });
  return entries.filter((entry) => entry.endsWith(SUFFIX));
}

function socketOf(name: string): string {
  // The kernel's limits (15 bytes, no "/"): a name cannot lead to another folder.
  if (!/^[^\s/]{1,15}$/.test(name))
    throw new WireGuardError(`${JSON.stringify(name)} cannot be the name of an interface`);
  return `${name}${SUFFIX}`;
}
