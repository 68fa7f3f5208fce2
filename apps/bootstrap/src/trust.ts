import type { NodeProtocol, NodeProtocolInput } from "@cluster-os/formation";
import type { Trust } from "./server/desk.ts";

export interface TrustOutlets {
  /** Hands an input to the protocol; resolves once its effects are carried out. */
  readonly feed: (input: NodeProtocolInput) => Promise<void>;
  /** Somebody came or went: whoever follows the members is to look. */
  readonly changed: () => void;
}

/** The protocol as the servers' desk sees it. */
export function trustOf(protocol: NodeProtocol, { feed, changed }: TrustOutlets): Trust {
  return {
    genesis: () => protocol.genesisRecord,
    authoritySeed: () => protocol.authoritySeed,
    admissions: () => protocol.roster?.admissions() ?? [],
    ringKey: () => protocol.status.ringKey,
    joinKeySequence: () => protocol.joinKeyInForce?.sequence ?? 0,
    isMember: (nodeId) => protocol.roster?.isAdmitted(nodeId) ?? false,
    admit: (nodeId, index) => feed({ kind: "admit", nodeId, index }),
    revoke: async (decision) => {
      await feed({ kind: "revoke", ...decision });
      changed();
    },
    setJoinKey: (decision) => feed({ kind: "join-key", ...decision }),
    publish: (key, bytes) => feed({ kind: "publish-fact", key, bytes }),
  };
}
