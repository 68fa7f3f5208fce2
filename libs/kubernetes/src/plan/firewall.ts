import type { NodePlacement } from "../distribution.ts";

/** A rule that has to be at the end of a chain of iptables. */
export interface FirewallRule {
  readonly table: "filter" | "nat";
  readonly chain: string;
  readonly match: readonly string[];
}

const MARK = ["-m", "comment", "--comment", "cluster-os"];

/**
 * What pods need of the machine's packet filter: to be forwarded where the chain's policy would drop them, and, towards
 * anything outside the cluster, to borrow the machine's address. Inside the cluster they keep their own: over the mesh
 * it is what proves which node a packet comes from.
 */
export function firewallRules(placement: NodePlacement, meshInterface: string): readonly FirewallRule[] {
  const { pods } = placement.addressPlan;
  return [
    { table: "filter", chain: "FORWARD", match: ["-s", pods, ...MARK, "-j", "ACCEPT"] },
    { table: "filter", chain: "FORWARD", match: ["-d", pods, ...MARK, "-j", "ACCEPT"] },
    {
      table: "nat",
      chain: "POSTROUTING",
      match: [
        "-s",
        placement.podNetwork,
        "!",
        "-d",
        pods,
        "!",
        "-o",
        meshInterface,
        ...MARK,
        "-j",
        "MASQUERADE",
      ],
    },
  ];
}
