import { judge, planFirewall, type FirewallWish, type Packet, type Ruleset } from "../src/index.ts";

export const WISH: FirewallWish = {
  mode: "on",
  gossipPort: 8686,
  wireguardPort: 51820,
  sshPorts: [22],
  openPorts: [
    { protocol: "tcp", first: 443, last: 443 },
    { protocol: "udp", first: 60000, last: 60010 },
  ],
  clusterInterfaces: ["cos0", "cni0"],
  innerInterfaces: ["docker*", "virbr*"],
  clusterNetworks: ["10.86.0.0/16", "10.112.0.0/12", "10.87.0.0/16"],
};

/** A ruleset as `nft --json list ruleset` would print it. */
export function listed({ chains }: Ruleset): string {
  const place = { family: "inet", table: "cluster_os" };
  const entries = chains.flatMap(({ name, hook, rules }) => [
    { chain: { ...place, name, hook, type: "filter", prio: 0, policy: "accept" } },
    ...rules.map((rule) => ({ rule: { ...place, chain: name, ...rule } })),
  ]);
  return JSON.stringify({ nftables: [{ metainfo: {} }, { table: place }, ...entries] });
}

/** A first packet of a machine on the local network. */
export function arriving(change: Partial<Packet> = {}): Packet {
  return {
    hook: "input",
    iifname: "eth0",
    protocol: "tcp",
    source: "192.0.2.9",
    destination: "192.0.2.1",
    sourcePort: 40_000,
    destinationPort: 80,
    state: "new",
    ...change,
  };
}

export function judgeWish(wish: FirewallWish, packet: Packet): string {
  return judge(listed(planFirewall(wish)), packet).judgement;
}
