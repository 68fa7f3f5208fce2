import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { agreementKeyFromPrivate } from "@cluster-os/identity";
import type { DeviceChange } from "@cluster-os/mesh";
import { UserspaceWireGuard } from "@cluster-os/mesh/drivers";
import { KernelWireGuard } from "@cluster-os/node-wireguard";
import { fromBase64 } from "@cluster-os/std";

/** The word that makes this program one end's helper, in that end's namespace. */
export const ROLE = "role";

/** What is written: as long as a few segments of a network card. */
const CHUNK = Buffer.alloc(256 * 1024);

/** How an end's device is to be; keys in base64. */
export interface TunnelWish {
  readonly device: string;
  readonly privateKey: string;
  readonly listenPort: number;
  readonly peer: {
    readonly publicKey: string;
    readonly endpoint: string;
    readonly allowedIps: readonly string[];
  };
}

export async function playRole([role, ...args]: readonly string[]): Promise<void> {
  if (role === "receive") await receive(args[0] ?? "", Number(args[1]), Number(args[2]));
  else if (role === "send") await send(args[0] ?? "", Number(args[1]));
  else if (role === "configure") await configure(args[0] ?? "", await text(process.stdin));
  else throw new TypeError(`there is no role ${role}`);
}

/** One connection: says that it waits, takes what comes for so long, and says how much it was. */
async function receive(address: string, port: number, seconds: number): Promise<void> {
  const server = createServer().listen(port, address);
  await once(server, "listening");
  console.log("waits");
  const [socket] = (await once(server, "connection")) as [Socket];
  await once(socket, "readable");
  const startedAt = performance.now();
  let bytes = 0;
  let ms = 0;
  for await (const part of socket as AsyncIterable<Buffer>) {
    bytes += part.length;
    ms = performance.now() - startedAt;
    // Cut off: what lies in buffers by then would take a slow tunnel longer than the measurement.
    if (ms > seconds * 1000) break;
  }
  console.log(JSON.stringify({ bytes, ms }));
  server.close();
}

/** Sends until the other end has enough. */
async function send(address: string, port: number): Promise<void> {
  const socket = connect(port, address);
  await once(socket, "connect");
  const happens = (event: string) => new Promise((resolve) => socket.once(event, resolve));
  const ended = happens("close");
  // A reset is how the other end says that it has enough.
  socket.on("error", () => undefined);
  while (!socket.closed) if (!socket.write(CHUNK)) await Promise.race([happens("drain"), ended]);
}

async function configure(carrier: string, input: string): Promise<void> {
  const { device, privateKey, listenPort, peer } = JSON.parse(input) as TunnelWish;
  const publicKeyOf = (key: Uint8Array): Uint8Array => agreementKeyFromPrivate(key).publicKey;
  const driver = carrier === "kernel" ? new KernelWireGuard() : new UserspaceWireGuard({ publicKeyOf });
  const change: DeviceChange = {
    privateKey: fromBase64(privateKey),
    listenPort,
    peers: [{ kind: "set-peer", ...peer, publicKey: fromBase64(peer.publicKey) }],
  };
  await driver.configure(device, change);
}
