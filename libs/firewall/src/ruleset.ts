/**
 * The part of nftables' JSON (libnftables-json(5)) that a plan is written in. It is spelled as `nft --json list` prints it,
 * so that what was planned can be compared with what is there.
 */
export type Value =
  | string
  | number
  | readonly Value[]
  | { readonly set: readonly Value[] }
  | { readonly range: readonly [number, number] }
  | { readonly prefix: { readonly addr: string; readonly len: number } };

/** What of a packet, or of its connection, is looked at. */
export type Selector =
  | { readonly meta: { readonly key: "iifname" | "oifname" | "l4proto" } }
  | { readonly payload: { readonly protocol: string; readonly field: string } }
  | { readonly ct: { readonly key: string; readonly dir?: "original" } };

export interface Match {
  readonly op: "==" | "!=" | "in";
  readonly left: Selector;
  readonly right: Value;
}

export type Statement =
  | { readonly match: Match }
  | { readonly counter: { readonly packets: number; readonly bytes: number } }
  | { readonly accept: null }
  | { readonly drop: null }
  /** The connection goes to that address instead; only in a chain of the type `nat`. */
  | { readonly dnat: { readonly addr: string } };

/** Rules are tried in order; the first that fits a packet decides. */
export interface Rule {
  /** What it is for, in words. It stands in the kernel beside the rule, and in what people are shown. */
  readonly comment: string;
  readonly expr: readonly Statement[];
}

/** The rules at one place on a packet's way. A packet that fits none of them goes on. */
export interface Chain {
  readonly name: string;
  readonly type: "filter" | "nat";
  readonly hook: "input" | "forward" | "output";
  readonly rules: readonly Rule[];
}

/** Everything in one table that is ours. */
export interface Ruleset {
  readonly chains: readonly Chain[];
}

/** Where rules stand. Who keeps one writes it alone, and touches nothing else of the machine's packet filter. */
export interface Table {
  readonly family: "inet" | "ip";
  readonly name: string;
}

/** The firewall's table, in a family that sees IPv4 and IPv6. */
export const TABLE = { family: "inet", name: "cluster_os" } as const satisfies Table;

/**
 * Where in the order of all tables. Filters stand beside iptables' and most people's `filter`: a drop of either is final.
 * Addresses are changed where nft(8) has `dstnat`.
 */
export const PRIORITY = { filter: 0, nat: -100 } as const satisfies Record<Chain["type"], number>;
