import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NetlinkSocket, OpenNetlink } from "./netlink/socket.ts";

/** What native/netlink_socket.c exports. */
interface Addon {
  readonly NetlinkSocket: new (protocol: number) => NetlinkSocket;
}

const NAME = "netlink.node";
/** Beside this library's sources as built, and beside a bundled program or its chunks as packaged. */
const PLACES = [`../dist/${NAME}`, `native/${NAME}`, `../native/${NAME}`];

let addon: Addon | undefined;

/** A socket to this machine's kernel, in the network namespace of this process. The native part is loaded when it is used. */
export const openNetlink: OpenNetlink = (protocol) => {
  addon ??= load();
  return new addon.NetlinkSocket(protocol);
};

function load(): Addon {
  const places = PLACES.map((place) => join(import.meta.dirname, place));
  const path = places.find(existsSync);
  if (path === undefined) {
    throw new Error(
      `the native part of node-wireguard is in none of ${places.join(", ")}; ` +
        "build it with npx nx run @cluster-os/node-wireguard:build-native",
    );
  }
  // What require() does with such a file; a bundle of modules has no require of its own.
  const module = { exports: {} };
  process.dlopen(module, path);
  return module.exports as Addon;
}
