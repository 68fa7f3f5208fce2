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

export type Statement =
  | { readonly match: { readonly op: "==" | "in"; readonly left: Selector; readonly right: Value } }
  | { readonly counter: { readonly packets: number; readonly bytes: number } }
  | { readonly accept: null }
  | { readonly drop: null };

/** Rules are tried in order; the first that fits a packet decides. */
export interface Rule {
  /** What it is for, in words. It stands in the kernel beside the rule, and in what people are shown. */
  readonly comment: string;
  readonly expr: readonly Statement[];
}

/** The rules at one place on a packet's way. A packet that fits none of them goes on. */
export interface Chain {
  readonly name: string;
  readonly hook: "input" | "forward";
  readonly rules: readonly Rule[];
}

/** Everything in the one table that is ours. */
export interface Ruleset {
  readonly chains: readonly Chain[];
}

/** The table, in a family that sees IPv4 and IPv6. Nothing else of the machine's packet filter is ever touched. */
export const TABLE = { family: "inet", name: "cluster_os" } as const;

/** Where in the order of all tables: beside iptables' and most people's `filter`. A drop of either is final. */
export const PRIORITY = 0;
