import { agreementKeyFromPrivate } from "@cluster-os/identity";
import { meshMtu } from "@cluster-os/mesh";
import { toBase64 } from "@cluster-os/std";
import { ENDS, ip, type Cable, type End } from "./cable.ts";
import type { TunnelWish } from "./roles.ts";

export const CARRIERS = ["plain", "kernel", "userspace"] as const;
export type Carrier = (typeof CARRIERS)[number];

const CABLE_MTU = 1500;

/** Makes what carries packets between the ends, and gives the address of end b on it. */
export async function makeTunnel(cable: Cable, carrier: Carrier, wireguardGo: string): Promise<string> {
  if (carrier === "plain") return cable.address("b");
  for (const end of ENDS) {
    const namespace = cable.namespace(end);
    const device = deviceOf(carrier, end);
    if (carrier === "kernel") await ip("-n", namespace, "link", "add", "dev", device, "type", "wireguard");
    else await cable.start(end, [wireguardGo, device], `/var/run/wireguard/${device}.sock`);
    const wish: TunnelWish = {
      device,
      privateKey: toBase64(privateKeyOf(end)),
      listenPort: portOf(carrier),
      peer: {
        publicKey: toBase64(agreementKeyFromPrivate(privateKeyOf(other(end))).publicKey),
        endpoint: `${cable.address(other(end))}:${portOf(carrier)}`,
        allowedIps: [`${addressOf(carrier, other(end))}/32`],
      },
    };
    await cable.play(end, ["configure", carrier], JSON.stringify(wish));
    await ip("-n", namespace, "link", "set", "dev", device, "mtu", String(meshMtu([CABLE_MTU])), "up");
    await ip("-n", namespace, "address", "add", `${addressOf(carrier, end)}/24`, "dev", device);
  }
  return addressOf(carrier, "b");
}

/** Unique on this machine: wireguard-go's sockets share one folder. */
function deviceOf(carrier: Carrier, end: End): string {
  return `cmb${process.pid % 100_000}${carrier === "kernel" ? "k" : "u"}${end}`;
}

function addressOf(carrier: Carrier, end: End): string {
  return `198.51.${carrier === "kernel" ? 100 : 101}.${ENDS.indexOf(end) + 1}`;
}

function portOf(carrier: Carrier): number {
  return carrier === "kernel" ? 51820 : 51821;
}

function other(end: End): End {
  return end === "a" ? "b" : "a";
}

/** Nothing is secret here. */
function privateKeyOf(end: End): Uint8Array {
  return new Uint8Array(32).fill(end === "a" ? 0x48 : 0x50);
}
