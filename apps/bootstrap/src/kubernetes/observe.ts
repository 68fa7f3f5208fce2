import { RETIRING_ROLES } from "@cluster-os/api";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { AutopilotSnapshot } from "@cluster-os/election";
import type { Distribution, EtcdMemberStatus, NodePlacement, ServerAddress } from "@cluster-os/kubernetes";
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
    rolesEpoch: view.rolesEpoch,
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
function balancedServers(view: View): readonly ServerAddress[] {
  const begun = new Set(["starting", "ready"]);
  return view
    .members()
    .filter(
      ({ member: { nodeId, description } }) =>
        view.isServer(nodeId) &&
        description?.roles.includes("server") &&
        begun.has(description.kubernetes.state),
    )
    .map(({ member, meshAddress }) => ({ nodeName: nodeName(member.nodeId), address: meshAddress }));
}

/** Names of the other servers that do not say that their API server answers. */
export function unreadyServers(view: View, self: NodeId): readonly string[] {
  const ready = view.readyServers(view.epoch.epoch);
  return view.servers.filter((server) => server !== self && !ready.includes(server)).map(nodeName);
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

/** etcd's members under the names of their nodes: one that never started has none, and is known by its address. */
export async function namedMembers(
  distribution: Pick<Distribution, "status">,
  view: View,
  signal: AbortSignal,
): Promise<readonly EtcdMemberStatus[]> {
  const { etcdMembers } = await distribution.status(signal);
  return etcdMembers.map((member) =>
    member.name === "" ? { ...member, name: view.nameAt(member.address) ?? "" } : member,
  );
}

/** The members as autopilot looks at them. Who said goodbye is none. */
export function autopilotNodes(view: View): AutopilotSnapshot["nodes"] {
  const { epoch } = view.epoch;
  return view.members().flatMap(({ member: { nodeId, status, description }, index }) =>
    status === "left"
      ? []
      : [
          {
            nodeId,
            rank: index,
            isAlive: status === "alive",
            isFailed: status === "failed",
            isReady: description?.kubernetes.state === "ready" && description.kubernetes.epoch === epoch,
            ...retirementIn(description?.roles ?? []),
          },
        ],
  );
}

/** What a machine that is leaving says of itself. */
function retirementIn(roles: readonly string[]): {
  readonly isRetiring: boolean;
  readonly mayReduce: boolean;
} {
  const mayReduce = roles.includes(RETIRING_ROLES.anyway);
  return { isRetiring: mayReduce || roles.includes(RETIRING_ROLES["when-replaced"]), mayReduce };
}
