import { prefix } from "./plan-firewall.ts";
import type { Ruleset } from "./ruleset.ts";

/** One service of a network that is on one of its machines at a time, and moves. */
export interface RedirectWish {
  /** The network, as a CIDR of IPv4. */
  readonly network: string;
  /** Its port of TCP, on whichever machine it is. */
  readonly port: number;
  /** Where it is now. */
  readonly to: string;
}

/**
 * Sends this machine's own new connections to the service's port, wherever in the network they mean to go, to where it is now.
 * That is for programs that look an address up once and keep to it. A connection that stands, and one that was begun, go on as
 * they did (conntrack decides at the first packet); so the next try of such a program is the first that arrives.
 */
export function planRedirect({ network, port, to }: RedirectWish): Ruleset {
  const address = { payload: { protocol: "ip", field: "daddr" } } as const;
  const destinationPort = { payload: { protocol: "tcp", field: "dport" } } as const;
  const expr = [
    { match: { op: "==", left: address, right: prefix(network) } },
    { match: { op: "!=", left: address, right: to } },
    { match: { op: "==", left: destinationPort, right: port } },
    { dnat: { addr: to } },
  ] as const;
  return {
    chains: [
      { name: "output", type: "nat", hook: "output", rules: [{ comment: "to where it is now", expr }] },
    ],
  };
}
