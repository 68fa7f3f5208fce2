import { addressBits } from "./address-bits.ts";

/** A packet that arrives, as far as rules look at it. */
export interface Packet {
  readonly hook: "input" | "forward";
  readonly iifname: string;
  /** Only of a packet that goes through. */
  readonly oifname?: string;
  readonly protocol: "tcp" | "udp" | "icmp" | "icmpv6" | "igmp";
  readonly source: string;
  readonly destination: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmpType?: string;
  /** Of its connection. */
  readonly state: "new" | "established" | "related" | "invalid";
  /** The port that was asked for, of a packet whose destination a service has replaced. */
  readonly askedPort?: number;
}

/**
 * Whether the packet is as a rule's condition says. Undefined where the condition looks at something that is not known here.
 */
export function fits(packet: Packet, op: string, left: unknown, right: unknown): boolean | undefined {
  const value = select(packet, left);
  if (value === NOT_OF_PACKET) return false;
  const isIn = value === undefined ? undefined : contains(right, value);
  if (isIn === undefined) return undefined;
  if (op === "==" || op === "in") return isIn;
  return op === "!=" ? !isIn : undefined;
}

/** The packet is of another protocol, so no rule about this one fits. */
const NOT_OF_PACKET = Symbol("another protocol");
type Selected = string | number | typeof NOT_OF_PACKET | undefined;
type Transport = { readonly protocol: string; readonly field: string };

/** What a selector takes from the packet; undefined if it is nothing that is known of it. */
function select(packet: Packet, left: unknown): Selected {
  const { meta, payload, ct } = (left ?? {}) as {
    readonly meta?: { readonly key: string };
    readonly payload?: Transport;
    readonly ct?: { readonly key: string; readonly dir?: string };
  };
  if (payload) return selectPayload(packet, payload);
  switch (meta?.key ?? (ct && `ct ${ct.dir ?? ""}${ct.key}`)) {
    case "iifname":
    case "iif":
      return packet.iifname;
    case "oifname":
    case "oif":
      return packet.oifname ?? "";
    case "l4proto":
      return packet.protocol === "icmpv6" ? "ipv6-icmp" : packet.protocol;
    case "nfproto":
      return packet.source.includes(":") ? "ipv6" : "ipv4";
    case "ct state":
      return packet.state;
    case "ct status":
      return packet.askedPort === undefined ? "none" : "dnat";
    case "ct originalproto-dst":
      return packet.askedPort ?? packet.destinationPort;
    default:
      return undefined;
  }
}

function selectPayload(packet: Packet, { protocol, field }: Transport): Selected {
  const isV6 = packet.source.includes(":");
  if (protocol === "ip" || protocol === "ip6") {
    if (isV6 !== (protocol === "ip6")) return NOT_OF_PACKET;
    if (field === "saddr") return packet.source;
    if (field === "daddr") return packet.destination;
    return field === "protocol" ? packet.protocol : undefined;
  }
  const isPorts = packet.protocol === "tcp" || packet.protocol === "udp";
  if (protocol === "th" ? !isPorts : protocol !== packet.protocol) return NOT_OF_PACKET;
  if (field === "sport") return packet.sourcePort;
  if (field === "dport") return packet.destinationPort;
  return field === "type" ? packet.icmpType : undefined;
}

/** Whether a value is among those that a condition names; undefined if that cannot be told. */
function contains(right: unknown, value: string | number): boolean | undefined {
  if (Array.isArray(right)) return some(right, value);
  if (typeof right === "string") {
    if (right === String(value)) return true;
    return typeof value === "string" && right.endsWith("*") && value.startsWith(right.slice(0, -1));
  }
  if (typeof right === "number") return right === value;
  const { set, range, prefix } = (right ?? {}) as {
    readonly set?: readonly unknown[];
    readonly range?: readonly unknown[];
    readonly prefix?: { readonly addr: string; readonly len: number };
  };
  if (set) return some(set, value);
  if (range) return isWithin(range, value);
  return prefix ? isInNetwork(prefix, String(value)) : undefined;
}

function some(entries: readonly unknown[], value: string | number): boolean | undefined {
  const answers = entries.map((entry) => contains(elementOf(entry), value));
  if (answers.includes(true)) return true;
  return answers.includes(undefined) ? undefined : false;
}

/** An element of a set with a timeout or a comment is wrapped. */
function elementOf(entry: unknown): unknown {
  return (entry as { readonly elem?: { readonly val?: unknown } } | null)?.elem?.val ?? entry;
}

function isWithin([first, last]: readonly unknown[], value: string | number): boolean | undefined {
  if (typeof value === "number") return value >= Number(first) && value <= Number(last);
  const [low, high, at] = [addressBits(String(first)), addressBits(String(last)), addressBits(value)];
  if (!low || !high || !at) return undefined;
  return at.length === low.length && at.bits >= low.bits && at.bits <= high.bits;
}

function isInNetwork({ addr, len }: { readonly addr: string; readonly len: number }, value: string) {
  const [network, at] = [addressBits(addr), addressBits(value)];
  if (!network || !at) return undefined;
  const shift = BigInt(network.length - len);
  return at.length === network.length && at.bits >> shift === network.bits >> shift;
}
