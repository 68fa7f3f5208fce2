import type { NodeStatus } from "@cluster-os/api";
import { judge, TABLE, type Packet } from "@cluster-os/firewall";
import { finding, type Finding } from "../catalogue.ts";
import type { MachineFacts } from "../facts.ts";

/** Where others listen unless the given file says otherwise; which it does is not known here. */
const GOSSIP_PORT = 8686;
const WIREGUARD_PORT = 51_820;
const BEACONS = "ff02::c05:8686";

/**
 * Rules that are not ours, and keep the cluster's packets out: named where they certainly do, and where it cannot be told, only
 * if nobody is heard.
 */
export function checkForeignFirewall({ packetFilter, interfaces, status }: MachineFacts): readonly Finding[] {
  if (packetFilter === undefined || !interfaces) return [];
  const isSilent = status !== undefined && isUnheard(status.discovery);
  return interfaces
    .filter(({ isUp }) => isUp)
    .flatMap(({ name, addresses }) => {
      const own = addresses.find((address) => address.startsWith("fe80:")) ?? "fe80::1";
      return packetsOn(name, own).flatMap(({ what, packet }) => {
        const { judgement, table } = judge(packetFilter, packet, (place) => place.table === TABLE.name);
        if (judgement === "drop")
          return [
            finding(
              "foreign-firewall",
              `the table "${table}" of this machine's nftables drops ${what} on ${name}`,
            ),
          ];
        if (judgement === "accept" || !isSilent) return [];
        const doubt = `the table "${table}" of this machine's nftables may drop ${what} on ${name}, and nobody is heard`;
        return [finding("foreign-firewall", doubt, { severity: "warning" })];
      });
    })
    .slice(0, 1);
}

/** It has announced itself for a while, and heard nobody for a minute. */
function isUnheard({ beaconsSent, silentForMs = Infinity }: NodeStatus["discovery"]): boolean {
  return beaconsSent >= 20 && silentForMs > 60_000;
}

function packetsOn(iifname: string, destination: string): readonly { what: string; packet: Packet }[] {
  const packet = {
    hook: "input",
    iifname,
    source: "fe80::2",
    destination,
    sourcePort: 40_000,
    state: "new",
  } as const;
  const gossip = { ...packet, destinationPort: GOSSIP_PORT } as const;
  return [
    { what: "announcements of other machines", packet: { ...gossip, protocol: "udp", destination: BEACONS } },
    { what: "gossip (UDP 8686)", packet: { ...gossip, protocol: "udp" } },
    { what: "gossip (TCP 8686)", packet: { ...gossip, protocol: "tcp" } },
    {
      what: "WireGuard (UDP 51820)",
      packet: { ...packet, protocol: "udp", destinationPort: WIREGUARD_PORT },
    },
  ];
}
