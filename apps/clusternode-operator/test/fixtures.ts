import { CLUSTER_NODE_FINALIZER } from "@cluster-os/api";
import type { ClusterNodeObject, ClusterNodeSpec, ClusterNodeStatus, Condition } from "@cluster-os/api";
import type { Node } from "@cluster-os/kube";
import type { NodePatch } from "../src/plan/node-patch.ts";

export const NOW = "2026-03-01T12:00:00Z";
const EARLIER = "2026-03-01T11:00:00Z";

export function condition(type: string, status: Condition["status"] = "True", reason = "Test"): Condition {
  const lastTransitionTime = EARLIER;
  return { type, status, reason, message: `${type} message`, lastTransitionTime, observedGeneration: 1 };
}

export const READY: Condition = {
  type: "Ready",
  status: "True",
  reason: "NodeReady",
  message: "heartbeat, mesh and Kubernetes are in order",
  lastTransitionTime: EARLIER,
  observedGeneration: 1,
};
export const SPEC_APPLIED: Condition = {
  type: "SpecApplied",
  status: "True",
  reason: "Applied",
  message: "labels, taints and cordon are on the Kubernetes Node",
  lastTransitionTime: EARLIER,
  observedGeneration: 1,
};

/** A ClusterNode on which there is nothing to do, but for what is changed here. */
export function clusterNode(
  change: {
    readonly metadata?: Partial<ClusterNodeObject["metadata"]>;
    readonly spec?: ClusterNodeSpec;
    readonly status?: ClusterNodeStatus;
    readonly conditions?: readonly Condition[];
  } = {},
): ClusterNodeObject {
  const conditions = change.conditions ?? [
    condition("MeshConnected"),
    condition("KubernetesReady"),
    READY,
    SPEC_APPLIED,
  ];
  return {
    apiVersion: "cluster-os.dev/v1alpha1",
    kind: "ClusterNode",
    metadata: { name: "n-a", generation: 1, finalizers: [CLUSTER_NODE_FINALIZER], ...change.metadata },
    spec: change.spec ?? {},
    status: { conditions: [...conditions], ...change.status },
  };
}

/** A Kubernetes Node as kubelet and kubeadm leave it. */
export function kubernetesNode(change: Partial<Node> = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n-a", resourceVersion: "7", labels: { "kubernetes.io/os": "linux" } },
    spec: {},
    ...change,
  };
}

/** The Node after a JSON merge patch (RFC 7386), as the API server would have it. */
export function patched(node: Node, patch: NodePatch): Node {
  const merged = merge(node, patch) as Node;
  return { ...merged, metadata: { ...merged.metadata, resourceVersion: "8" } };
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(target as Record<string, unknown> | undefined) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}
