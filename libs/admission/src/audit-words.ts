import { nodeName, type NodeId } from "@cluster-os/identity";
import type { AuditEvent } from "./audit.ts";
import { ringKeyNumber } from "./ring-key-record.ts";

/** An event of the audit log in a few words, with the names of nodes instead of their keys. */
export function describeAuditEvent(event: AuditEvent): string {
  switch (event.kind) {
    case "genesis":
      return `founded by ${names(event.founders)}; ${names(event.servers)} serve`;
    case "admission":
      return `${nodeName(event.nodeId)} is admitted under index ${event.index}`;
    case "revocation":
      return `${nodeName(event.nodeId)} is revoked${event.wasServer ? "; it was a control-plane server" : ""}`;
    case "roles":
      return `epoch ${event.epoch}: ${names(event.servers)} serve${event.cause === undefined ? "" : ` (${event.cause})`}`;
    case "authority":
      return `${nodeName(event.nodeId)} becomes a server in epoch ${event.epoch} and is handed the authority key`;
    case "step-down":
      return event.wish === "demote"
        ? `${nodeName(event.nodeId)} may become a worker in epoch ${event.epoch}`
        : `${nodeName(event.nodeId)} may set aside what it has of a server in epoch ${event.epoch}`;
    case "removal":
      return `${event.name} is taken out of etcd and Kubernetes in epoch ${event.epoch}`;
    case "renewal":
      return `${nodeName(event.nodeId)} renewed its certificates`;
    case "upgrade":
      return `${nodeName(event.nodeId)} runs Kubernetes ${event.version}`;
    case "join-key":
      return `join key ${event.id} takes the place of those before`;
    case "ring-key":
      return `gossip is sealed with ring key ${ringKeyNumber(event.id)}`;
    default:
      return event satisfies never;
  }
}

function names(nodes: readonly NodeId[]): string {
  return nodes.map(nodeName).join(", ");
}
