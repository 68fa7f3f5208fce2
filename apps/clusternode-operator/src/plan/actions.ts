import type { Condition } from "@cluster-os/api";
import type { NodePatch } from "./node-patch.ts";

/** What an act tells people, in `kubectl describe` and `kubectl events`. */
export interface EventText {
  readonly type: "Normal" | "Warning";
  /** One word for programs. */
  readonly reason: string;
  readonly note: string;
}

/** What the operator does for one node. Each act may be repeated, and is told by its events once it got through. */
export type NodeAction =
  /** From now on a deletion of the ClusterNode waits until the operator has cleaned up. */
  | { readonly kind: "add-finalizer" }
  | { readonly kind: "patch-node"; readonly patch: NodePatch; readonly events: readonly EventText[] }
  /** All conditions that are the operator's: an apply drops what it omits. */
  | {
      readonly kind: "set-conditions";
      readonly conditions: readonly Condition[];
      readonly events: readonly EventText[];
    }
  /** Ends the rights of the machine's node-agent, and takes away its Lease. */
  | { readonly kind: "revoke-access"; readonly events: readonly EventText[] }
  /** Deletes the Kubernetes Node, and with it what runs there. */
  | { readonly kind: "delete-node"; readonly events: readonly EventText[] }
  /** Marks the object that stands for the machine's index: its addresses are not given to another one for now. */
  | { readonly kind: "rest-index"; readonly events: readonly EventText[] }
  /** Nothing is left to clean up: the ClusterNode goes. */
  | { readonly kind: "remove-finalizer"; readonly events: readonly EventText[] };
