import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agreementKeyFromPrivate } from "@cluster-os/identity";
import { meshMtu } from "@cluster-os/mesh";
import { toBase64 } from "@cluster-os/std";
import { execa } from "execa";
import { ENDS, ip, type Cable, type End } from "./cable.ts";
import type { TunnelWish } from "./roles.ts";

/**
 * What carries packets between the ends: the cable, or WireGuard - in the kernel or in a program - that is configured by this
 * project's drivers, or by hand with wg(8).
 */
export const CARRIERS = [
  { name: "plain cable" },
  { name: "WireGuard in the kernel", where: "kernel", by: "driver" },
  { name: "the same by hand", where: "kernel", by: "hand" },
  { name: "wireguard-go", where: "program", by: "driver" },
  { name: "the same by hand", where: "program", by: "hand" },
] as const;
export type Carrier = (typeof CARRIERS)[number];
export type Tunnel = Extract<Carrier, { readonly where: string }>;

const CABLE_MTU = 1500;

/** Makes what carries packets between the ends, and gives the address of end b on it. */
export async function makeTunnel(cable: Cable, carrier: Carrier, wireguardGo: string): Promise<string> {
  if (!("where" in carrier)) return cable.address("b");
  for (const end of ENDS) {
    const namespace = cable.namespace(end);
    const wish = wishOf(cable, carrier, end);
    const { device } = wish;
    if (carrier.where === "kernel")
      await ip("-n", namespace, "link", "add", "dev", device, "type", "wireguard");
    else await cable.start(end, [wireguardGo, device], `/var/run/wireguard/${device}.sock`);
    if (carrier.by === "driver") await cable.play(end, ["configure", carrier.where], JSON.stringify(wish));
    else await configureByHand(namespace, wish);
    await ip("-n", namespace, "link", "set", "dev", device, "mtu", String(meshMtu([CABLE_MTU])), "up");
    await ip("-n", namespace, "address", "add", `${addressOf(carrier, end)}/24`, "dev", device);
  }
  return addressOf(carrier, "b");
}

function wishOf(cable: Cable, carrier: Tunnel, end: End): TunnelWish {
  return {
    device: deviceOf(carrier, end),
    privateKey: toBase64(privateKeyOf(end)),
    listenPort: portOf(carrier),
    peer: {
      publicKey: toBase64(agreementKeyFromPrivate(privateKeyOf(other(end))).publicKey),
      endpoint: `${cable.address(other(end))}:${portOf(carrier)}`,
      allowedIps: [`${addressOf(carrier, other(end))}/32`],
    },
  };
}

/** As a person would. wg(8) opens a file for the key: what Node gives a child as its standard input is a socket, which cannot be. */
async function configureByHand(namespace: string, wish: TunnelWish): Promise<void> {
  const { device, privateKey, listenPort, peer } = wish;
  const folder = await mkdtemp(join(tmpdir(), "bench-wg-"));
  try {
    const key = join(folder, "key");
    await writeFile(key, privateKey, { mode: 0o600 });
    const own = ["listen-port", String(listenPort), "private-key", key];
    const its = ["peer", peer.publicKey, "endpoint", peer.endpoint, "allowed-ips", peer.allowedIps.join(",")];
    await execa("ip", ["netns", "exec", namespace, "wg", "set", device, ...own, ...its]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Unique on this machine: wireguard-go's sockets share one folder. */
function deviceOf(carrier: Tunnel, end: End): string {
  return `cmb${process.pid % 100_000}${CARRIERS.indexOf(carrier)}${end}`;
}

function addressOf(carrier: Tunnel, end: End): string {
  return `198.51.${100 + CARRIERS.indexOf(carrier)}.${ENDS.indexOf(end) + 1}`;
}

function portOf(carrier: Tunnel): number {
  return 51820 + CARRIERS.indexOf(carrier);
}

function other(end: End): End {
  return end === "a" ? "b" : "a";
}

/** Nothing is secret here. */
function privateKeyOf(end: End): Uint8Array {
  return new Uint8Array(32).fill(end === "a" ? 0x48 : 0x50);
}
