import type { AutopilotAction } from "@cluster-os/election";
import { nodeName } from "@cluster-os/identity";
import type { NodeAct } from "./node-events.ts";

/** One act of autopilot, for the log of events. */
export interface AutopilotAct {
  readonly action: AutopilotAction;
  readonly reason: string;
  /** Of the roles in force afterwards. */
  readonly epoch: number;
}

/** The events of an act: one on each node that it concerns. */
export function eventsOf({
  action,
  reason,
  epoch,
}: AutopilotAct): readonly { readonly node: string; readonly act: NodeAct }[] {
  const event = (node: string, type: "Normal" | "Warning", what: string, note: string) => ({
    node,
    act: { kind: "role", type, reason: what, note: `${note}: ${reason} (roles of epoch ${epoch})` } as const,
  });
  switch (action.kind) {
    case "none":
      return [];
    case "promote":
      return [
        event(nodeName(action.nodeId), "Normal", "ServerChosen", "is to become a control-plane server"),
      ];
    case "replace":
      return [
        event(nodeName(action.lost), "Warning", "ServerLost", "is a control-plane server no more"),
        event(nodeName(action.nodeId), "Normal", "ServerChosen", "is to become a control-plane server"),
      ];
    case "drop":
      return [event(nodeName(action.nodeId), "Warning", "ServerLost", "is a control-plane server no more")];
    case "demote":
      return [event(nodeName(action.nodeId), "Normal", "ServerRetired", "is to become a worker")];
    case "withdraw":
      return [event(nodeName(action.nodeId), "Warning", "ServerWithdrawn", "stays a worker")];
    case "bury":
      return [
        event(nodeName(action.nodeId), "Warning", "ServerBuried", "was taken out of etcd and Kubernetes"),
      ];
    default:
      return action satisfies never;
  }
}
