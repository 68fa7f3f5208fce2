import { mergePorts, type PortRange } from "./ports.ts";
import type { Chain, Rule, Ruleset, Selector, Statement, Value } from "./ruleset.ts";

/** What the firewall of a machine shall be. */
export interface FirewallWish {
  /** `observe` counts what `on` would drop, and drops nothing. */
  readonly mode: "on" | "observe";
  readonly gossipPort: number;
  readonly wireguardPort: number;
  /** Where sshd listens: these ports are open on every interface, whatever else is wished. */
  readonly sshPorts: readonly number[];
  /** Ports that were declared for users. */
  readonly openPorts: readonly PortRange[];
  /** Interfaces of the cluster's own, from which everything may come: the mesh and the bridge of this machine's pods. */
  readonly clusterInterfaces: readonly string[];
  /**
   * Interfaces of other networks inside this machine, such as docker's, as names or beginnings with a `*`. Their programs
   * are the machine's own affair, but they do not belong to the cluster.
   */
  readonly innerInterfaces: readonly string[];
  /** The cluster's networks as CIDRs; empty before this machine is a member. */
  readonly clusterNetworks: readonly string[];
}

/** ICMPv6 that a machine must hear to be on a network at all (RFC 4890 section 4.4): errors, neighbours, multicast. */
const ICMPV6_TYPES = [
  "destination-unreachable",
  "packet-too-big",
  "time-exceeded",
  "parameter-problem",
  "echo-request",
  "mld-listener-query",
  "mld-listener-report",
  "mld-listener-done",
  "nd-router-solicit",
  "nd-router-advert",
  "nd-neighbor-solicit",
  "nd-neighbor-advert",
  "nd-redirect",
  "mld2-listener-report",
];
const LOOPBACK = "127.0.0.0/8";

/**
 * The rules of a machine. From the local network come in: answers, what a network needs to work, SSH, gossip, WireGuard and
 * what was declared; everything else of the cluster answers on the mesh and to pods only. It is a drop at the end and not a
 * chain's policy, so that what is dropped is counted, and `observe` differs in one statement.
 */
export function planFirewall(wish: FirewallWish): Ruleset {
  return { chains: [planInput(wish), planForward(wish)] };
}

function planInput(wish: FirewallWish): Chain {
  const { sshPorts, gossipPort, wireguardPort, clusterInterfaces, innerInterfaces, clusterNetworks } = wish;
  const networks = [LOOPBACK, ...clusterNetworks].map(prefix);
  const rules = [
    accept("answers", ANSWERS),
    accept("this machine itself, the mesh and its pods", incoming(["lo", ...clusterInterfaces])),
    accept("SSH", ports("tcp", sshPorts.map(single))),
    accept("ICMPv6: errors, neighbours, multicast, ping", icmp("icmpv6", ICMPV6_TYPES)),
    accept("ping", icmp("icmp", ["echo-request"])),
    accept("multicast membership", is({ payload: { protocol: "ip", field: "protocol" } }, "igmp")),
    accept("DHCP", port("udp", "sport", 67), port("udp", "dport", 68)),
    accept("DHCPv6", is(payload("ip6", "saddr"), prefix("fe80::/10")), port("udp", "dport", 546)),
    accept("gossip: messages", port("udp", "dport", gossipPort)),
    accept("gossip: streams", port("tcp", "dport", gossipPort)),
    accept("WireGuard", port("udp", "dport", wireguardPort)),
    ...declared(wish, (protocol, ranges) => [ports(protocol, ranges)]),
    refuse(wish, "the cluster's own addresses from elsewhere", is(payload("ip", "daddr"), anyOf(networks))),
    ...(innerInterfaces.length === 0
      ? []
      : [accept("other networks inside this machine", incoming(innerInterfaces))]),
    refuse(wish, "everything else"),
  ];
  return { name: "input", type: "filter", hook: "input", rules };
}

/** What goes through this machine: only the way to the mesh and to pods is the cluster's to guard. */
function planForward(wish: FirewallWish): Chain {
  const rules = [
    accept("answers", ANSWERS),
    accept("the mesh and pods", incoming(wish.clusterInterfaces)),
    // A service has put a pod's address and port into the packet already; what was asked for is in the connection.
    ...declared(wish, (protocol, ranges) =>
      ranges.map((range) => [
        { match: { op: "in", left: { ct: { key: "status" } }, right: "dnat" } },
        is({ meta: { key: "l4proto" } }, protocol),
        is({ ct: { key: "proto-dst", dir: "original" } }, portValue(range)),
      ]),
    ),
    refuse(
      wish,
      "pods and mesh from elsewhere",
      is({ meta: { key: "oifname" } }, anyOf(wish.clusterInterfaces)),
    ),
  ];
  return { name: "forward", type: "filter", hook: "forward", rules };
}

type Ports = { readonly first: number; readonly last: number };

/** Rules for the declared ports of each protocol; one rule for each list of conditions. */
function declared(
  { openPorts }: FirewallWish,
  conditions: (
    protocol: PortRange["protocol"],
    ranges: readonly Ports[],
  ) => readonly (Statement | readonly Statement[])[],
): readonly Rule[] {
  return (["tcp", "udp"] as const).flatMap((protocol) => {
    const ranges = mergePorts(openPorts.filter((range) => range.protocol === protocol));
    if (ranges.length === 0) return [];
    return conditions(protocol, ranges).map((list) => accept("declared in openPorts", ...[list].flat()));
  });
}

function accept(comment: string, ...conditions: readonly Statement[]): Rule {
  return { comment, expr: [...conditions, { accept: null }] };
}

function refuse({ mode }: FirewallWish, comment: string, ...conditions: readonly Statement[]): Rule {
  const counter = { counter: { packets: 0, bytes: 0 } };
  return { comment, expr: [...conditions, counter, mode === "on" ? { drop: null } : { accept: null }] };
}

const ANSWERS: Statement = {
  match: { op: "in", left: { ct: { key: "state" } }, right: ["established", "related"] },
};

function is(left: Selector, right: Value): Statement {
  return { match: { op: "==", left, right } };
}

function incoming(names: readonly string[]): Statement {
  return is({ meta: { key: "iifname" } }, anyOf(names));
}

function icmp(protocol: string, types: readonly string[]): Statement {
  return is(payload(protocol, "type"), anyOf(types));
}

function port(protocol: string, field: "sport" | "dport", value: Value): Statement {
  return is(payload(protocol, field), value);
}

function ports(protocol: string, ranges: readonly Ports[]): Statement {
  return port(protocol, "dport", anyOf(mergePorts(ranges).map(portValue)));
}

function payload(protocol: string, field: string): Selector {
  return { payload: { protocol, field } };
}

function single(number: number): Ports {
  return { first: number, last: number };
}

function portValue({ first, last }: Ports): Value {
  return first === last ? first : { range: [first, last] };
}

export function prefix(cidr: string): Value {
  const [addr = "", length] = cidr.split("/");
  return { prefix: { addr, len: Number(length) } };
}

/** nft prints a set of one as its member. */
function anyOf(values: readonly Value[]): Value {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : { set: values };
}
