import { nodeName, type NodeId } from "@cluster-os/identity";
import type { NodePlacement, ServerAddress } from "@cluster-os/kubernetes";
import { podNetwork } from "@cluster-os/mesh";
import type { View } from "../view.ts";
import type { KubernetesObserved } from "./plan.ts";

/** What the plan of Kubernetes looks at, from what this machine knows of the cluster. */
export function observeKubernetes(
  view: View,
  self: NodeId,
  isMeshUp: boolean,
): Omit<KubernetesObserved, "record"> {
  const { epoch, initialiser, isEstablished } = view.epoch;
  return {
    self,
    isReachable: view.selfIndex !== undefined && isMeshUp,
    servers: view.servers,
    epoch,
    initialiser,
    isEstablished,
    readyServers: view.readyServers(epoch),
  };
}

/**
 * The servers for this machine's balancer: every member that serves, dead or alive. The balancer's own checks decide
 * which of them answer, faster than gossip would; leaving a dead one listed costs nothing.
 */
export function balancedServers(view: View): readonly ServerAddress[] {
  const begun = new Set(["starting", "ready"]);
  return view
    .members()
    .filter(
      ({ member }) => view.isServer(member.nodeId) && begun.has(member.description?.kubernetes.state ?? ""),
    )
    .map(({ member, meshAddress }) => ({ nodeName: nodeName(member.nodeId), address: meshAddress }));
}

/** This machine as Kubernetes is to know it. */
export function placementOf(view: View, self: NodeId, meshMtu: number): NodePlacement {
  const { addressPlan, selfIndex, selfAddress } = view;
  if (!addressPlan || selfIndex === undefined || selfAddress === undefined) {
    throw new Error("this machine has no index yet, so it has no place in Kubernetes");
  }
  return {
    nodeName: nodeName(self),
    index: selfIndex,
    meshAddress: selfAddress,
    podNetwork: podNetwork(addressPlan, selfIndex),
    meshMtu,
    addressPlan,
    servers: balancedServers(view),
  };
}
