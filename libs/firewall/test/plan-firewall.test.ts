import { expect } from "chai";
import fc from "fast-check";
import {
  planFirewall,
  renderReplacement,
  TABLE,
  describeRule,
  type FirewallWish,
  type Packet,
} from "../src/index.ts";
import { arriving, judgeWish, WISH } from "./fixtures.ts";
import { expectGolden } from "./golden.ts";

const V6 = { source: "fe80::9", destination: "fe80::1" };
const MULTICAST = { source: "fe80::9", destination: "ff02::c05:8686" };

const ROWS: readonly {
  readonly name: string;
  readonly packet: Partial<Packet>;
  readonly comesIn: boolean;
}[] = [
  { name: "SSH", packet: { destinationPort: 22 }, comesIn: true },
  { name: "SSH over IPv6", packet: { ...V6, destinationPort: 22 }, comesIn: true },
  { name: "gossip", packet: { ...V6, protocol: "udp", destinationPort: 8686 }, comesIn: true },
  {
    name: "a beacon to all",
    packet: { ...MULTICAST, protocol: "udp", destinationPort: 8686 },
    comesIn: true,
  },
  {
    name: "a beacon to all over IPv4",
    packet: { destination: "239.77.86.86", protocol: "udp", destinationPort: 8686 },
    comesIn: true,
  },
  {
    name: "gossip that is too large for a datagram",
    packet: { ...V6, destinationPort: 8686 },
    comesIn: true,
  },
  { name: "WireGuard", packet: { ...V6, protocol: "udp", destinationPort: 51820 }, comesIn: true },
  { name: "TCP to WireGuard's port", packet: { destinationPort: 51820 }, comesIn: false },
  { name: "a declared port", packet: { destinationPort: 443 }, comesIn: true },
  {
    name: "a declared port of the other protocol",
    packet: { protocol: "udp", destinationPort: 443 },
    comesIn: false,
  },
  {
    name: "the end of a declared range",
    packet: { protocol: "udp", destinationPort: 60_010 },
    comesIn: true,
  },
  { name: "beyond a declared range", packet: { protocol: "udp", destinationPort: 60_011 }, comesIn: false },
  {
    name: "an answer of a DHCP server",
    packet: { protocol: "udp", sourcePort: 67, destinationPort: 68 },
    comesIn: true,
  },
  {
    name: "an answer of a DHCPv6 server",
    packet: { ...V6, protocol: "udp", sourcePort: 547, destinationPort: 546 },
    comesIn: true,
  },
  {
    name: "DHCPv6 from afar",
    packet: { source: "2001:db8::1", destination: "2001:db8::2", protocol: "udp", destinationPort: 546 },
    comesIn: false,
  },
  {
    name: "a neighbour's question",
    packet: { ...V6, protocol: "icmpv6", icmpType: "nd-neighbor-solicit" },
    comesIn: true,
  },
  {
    name: "packet too big",
    packet: { ...V6, protocol: "icmpv6", icmpType: "packet-too-big" },
    comesIn: true,
  },
  {
    name: "a switch's question who listens (IPv6)",
    packet: { ...V6, protocol: "icmpv6", icmpType: "mld-listener-query" },
    comesIn: true,
  },
  {
    name: "a switch's question who listens (IPv4)",
    packet: { destination: "224.0.0.1", protocol: "igmp" },
    comesIn: true,
  },
  { name: "ping", packet: { protocol: "icmp", icmpType: "echo-request" }, comesIn: true },
  { name: "an ICMP redirect", packet: { protocol: "icmp", icmpType: "redirect" }, comesIn: false },
  { name: "an answer", packet: { destinationPort: 40_001, state: "established" }, comesIn: true },
  {
    name: "an ICMP error about a connection",
    packet: { protocol: "icmp", icmpType: "destination-unreachable", state: "related" },
    comesIn: true,
  },
  { name: "the API server at the machine's LAN address", packet: { destinationPort: 6443 }, comesIn: false },
  {
    name: "the API server at its mesh address",
    packet: { destination: "10.86.0.1", destinationPort: 6443 },
    comesIn: false,
  },
  { name: "etcd", packet: { destination: "10.86.0.1", destinationPort: 2379 }, comesIn: false },
  { name: "the kubelet", packet: { ...V6, destinationPort: 10_250 }, comesIn: false },
  { name: "the peer API", packet: { destination: "10.86.0.1", destinationPort: 8687 }, comesIn: false },
  {
    name: "copies of SLURM's state",
    packet: { destination: "10.86.0.1", destinationPort: 8688 },
    comesIn: false,
  },
  {
    name: "a program on this machine's loopback",
    packet: { destination: "127.0.0.1", destinationPort: 7443 },
    comesIn: false,
  },
  {
    name: "the API server over the mesh",
    packet: { iifname: "cos0", source: "10.86.0.2", destination: "10.86.0.1", destinationPort: 6443 },
    comesIn: true,
  },
  {
    name: "the kubelet, asked by a pod",
    packet: { iifname: "cni0", source: "10.112.1.5", destination: "10.86.0.1", destinationPort: 10_250 },
    comesIn: true,
  },
  {
    name: "this machine to itself",
    packet: { iifname: "lo", destination: "10.86.0.1", destinationPort: 6443 },
    comesIn: true,
  },
  {
    name: "a container of the machine's own to the machine",
    packet: { iifname: "docker0", source: "172.17.0.2", destination: "172.17.0.1", destinationPort: 5000 },
    comesIn: true,
  },
  {
    name: "a container of the machine's own to the mesh address",
    packet: { iifname: "docker0", source: "172.17.0.2", destination: "10.86.0.1", destinationPort: 6443 },
    comesIn: false,
  },
];

const THROUGH: typeof ROWS = [
  { name: "from the LAN to a pod", packet: { oifname: "cni0", destination: "10.112.1.5" }, comesIn: false },
  {
    name: "from the LAN into the mesh",
    packet: { oifname: "cos0", destination: "10.86.0.2" },
    comesIn: false,
  },
  {
    name: "an answer to a pod",
    packet: { oifname: "cni0", destination: "10.112.1.5", state: "established" },
    comesIn: true,
  },
  {
    name: "a declared port that a service leads to a pod",
    packet: { oifname: "cni0", destination: "10.112.1.5", destinationPort: 8080, askedPort: 443 },
    comesIn: true,
  },
  {
    name: "another port that a service leads to a pod",
    packet: { oifname: "cni0", destination: "10.112.1.5", destinationPort: 443, askedPort: 30_443 },
    comesIn: false,
  },
  {
    name: "a pod to the world",
    packet: { iifname: "cni0", oifname: "eth0", source: "10.112.1.5", destination: "192.0.2.9" },
    comesIn: true,
  },
  {
    name: "a pod to another machine's pod",
    packet: { iifname: "cni0", oifname: "cos0", source: "10.112.1.5", destination: "10.112.2.5" },
    comesIn: true,
  },
  {
    name: "from the mesh to a pod",
    packet: { iifname: "cos0", oifname: "cni0", source: "10.86.0.2", destination: "10.112.1.5" },
    comesIn: true,
  },
  {
    name: "to the machine's own containers",
    packet: { oifname: "docker0", destination: "172.17.0.2" },
    comesIn: true,
  },
];

describe("planFirewall", () => {
  for (const { name, packet, comesIn } of ROWS) {
    it(`${comesIn ? "lets in" : "refuses"} ${name}`, () => {
      expect(judgeWish(WISH, arriving(packet))).to.equal(comesIn ? "accept" : "drop");
    });
  }

  for (const { name, packet, comesIn } of THROUGH) {
    it(`${comesIn ? "lets through" : "stops"}: ${name}`, () => {
      const expected = comesIn ? "accept" : "drop";
      expect(judgeWish(WISH, arriving({ ...packet, hook: "forward" }))).to.equal(expected);
    });
  }

  it("drops nothing when it only observes, and counts the same", () => {
    const observing: FirewallWish = { ...WISH, mode: "observe" };
    for (const { packet } of ROWS) expect(judgeWish(observing, arriving(packet))).to.equal("accept");
    const counters = (wish: FirewallWish) =>
      planFirewall(wish).chains.flatMap(({ rules }) =>
        rules
          .filter(({ expr }) => expr.some((statement) => "counter" in statement))
          .map(({ comment }) => comment),
      );
    expect(counters(observing)).to.deep.equal(counters(WISH));
  });

  it("is this table", () => {
    expectGolden("member.json", renderReplacement(TABLE, planFirewall(WISH)));
    expectGolden("member.txt", text(WISH));
    expectGolden("alone.txt", text({ ...WISH, openPorts: [], innerInterfaces: [], clusterNetworks: [] }));
  });

  const port = fc.integer({ min: 1, max: 65_535 });
  const range = fc.record({
    protocol: fc.constantFrom("tcp" as const, "udp" as const),
    ports: fc.tuple(port, port),
  });
  const wish = fc.record({
    mode: fc.constantFrom("on" as const, "observe" as const),
    gossipPort: port,
    wireguardPort: port,
    sshPorts: fc.uniqueArray(port, { minLength: 1, maxLength: 5 }),
    openPorts: fc.array(
      range.map(({ protocol, ports: [one, other] }) => ({
        protocol,
        first: Math.min(one, other),
        last: Math.max(one, other),
      })),
      { maxLength: 6 },
    ),
    clusterInterfaces: fc.constant(["cos0", "cni0"]),
    innerInterfaces: fc.subarray(["docker*", "virbr*", "wg*", "eth9"]),
    clusterNetworks: fc.subarray(["10.86.0.0/16", "10.112.0.0/12", "192.168.0.0/16", "0.0.0.0/1"]),
  });

  it("never locks SSH out, whatever is wished and whoever asks", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(
        wish,
        fc.constantFrom("eth0", "wlan0", "docker0", "eth9", "cos0"),
        address,
        fc.nat(),
        (wished, iifname, source, at) => {
          const destinationPort = wished.sshPorts[at % wished.sshPorts.length] ?? 22;
          const destination = source.includes(":") ? "fe80::1" : "192.168.1.1";
          expect(judgeWish(wished, arriving({ iifname, source, destination, destinationPort }))).to.equal(
            "accept",
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it("lets in from the local network what is declared, and no other TCP port", () => {
    fc.assert(
      fc.property(wish, port, (wished, destinationPort) => {
        const isDeclared =
          [wished.gossipPort, ...wished.sshPorts].includes(destinationPort) ||
          wished.openPorts.some(
            ({ protocol, first, last }) =>
              protocol === "tcp" && first <= destinationPort && destinationPort <= last,
          );
        const isOpen = wished.mode === "observe" || isDeclared;
        expect(judgeWish(wished, arriving({ destinationPort }))).to.equal(isOpen ? "accept" : "drop");
      }),
    );
  });
});

function text(wish: FirewallWish): string {
  return planFirewall(wish)
    .chains.flatMap(({ name, rules }) => [`${name}:`, ...rules.map((rule) => `  ${describeRule(rule)}`), ""])
    .join("\n");
}
