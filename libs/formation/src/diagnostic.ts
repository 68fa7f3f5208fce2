import type { NodeId } from "@cluster-os/identity";

/** Something a person may want to know. Each kind carries what names it; `describeDiagnostic` makes the sentence. */
export type Diagnostic =
  /** Machines with another join key are on this LAN. */
  | { readonly kind: "foreign-tag"; readonly nodeId: NodeId }
  /** One identity is live on two machines: a cloned disk. */
  | { readonly kind: "duplicate-identity"; readonly nodeId: NodeId; readonly address: string }
  /** This machine and another run with one identity, and this one gave way. */
  | { readonly kind: "identity-yielded"; readonly address: string }
  /** Candidates wait for different numbers of machines; the larger one counts. */
  | { readonly kind: "expect-mismatch"; readonly own: number; readonly other: number }
  /** This machine has no join key: someone must approve it. */
  | { readonly kind: "no-join-key" }
  /** Another cluster uses the same join key on this LAN. */
  | { readonly kind: "other-cluster"; readonly clusterId: string }
  /** The genesis record's secrets for this machine do not open: its sealing key was replaced. */
  | { readonly kind: "secrets-do-not-open" }
  /** The initialiser is gone and a server that joined it may not vote: it must come back, or a person decides. */
  | { readonly kind: "initialiser-lost"; readonly initialiser: NodeId; readonly epoch: number }
  /** No address plan avoids the networks that the founders are on. */
  | { readonly kind: "no-address-plan"; readonly reason: string }
  /** This node was revoked. */
  | { readonly kind: "revoked" };

/** What it is, and the way out, in a sentence or two. */
export function describeDiagnostic(diagnostic: Diagnostic): string {
  switch (diagnostic.kind) {
    case "foreign-tag":
      return `${diagnostic.nodeId} is on this network with another join key. If it should be in this cluster, give it the same stick.`;
    case "duplicate-identity":
      return `${diagnostic.nodeId} is live on two machines, one at ${diagnostic.address}: a cloned disk. Remove the identity folder of one of them and restart it.`;
    case "identity-yielded":
      return `the machine at ${diagnostic.address} runs with this machine's identity and started last: a cloned disk. This one has ended its work, and its data is left as it is. To make it a node of its own, stop cluster-os-bootstrap, remove /var/lib/cluster-os and start it.`;
    case "expect-mismatch":
      return `this machine expects ${diagnostic.own} founders, another one ${diagnostic.other}. The larger number counts; set the same one everywhere.`;
    case "no-join-key":
      return "this machine has no join key, so it waits until a member's user approves it. Give it the cluster's stick to join unattended.";
    case "other-cluster":
      return `cluster ${diagnostic.clusterId} on this network has the same join key. Two clusters were founded; dissolve one of them.`;
    case "secrets-do-not-open":
      return "the genesis record's secrets do not open with this machine's sealing key, which was replaced; it asks the other members for the ring key.";
    case "initialiser-lost":
      return `${diagnostic.initialiser} began Kubernetes in epoch ${diagnostic.epoch} and is gone, after another server had joined it. Bring it back; if it is lost for good, run cluster-os recover.`;
    case "no-address-plan":
      return `no cluster is founded: ${diagnostic.reason}. Renumber a network, or take machines off it.`;
    case "revoked":
      return "this node was revoked: its work here has ended, and its data is left as it is. To have the machine in a cluster again, remove /var/lib/cluster-os (it becomes a new node) and restart cluster-os-bootstrap; someone must then approve it, or give it a newer join key.";
    default:
      return diagnostic satisfies never;
  }
}
