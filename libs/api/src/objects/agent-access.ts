import { ClusterNode } from "../resources/cluster-node.ts";
import { grant, type PlainObject } from "./kubernetes-object.ts";
import { agentLeaseName, agentUser, MANAGED_BY, NAMESPACE } from "./names.ts";

/**
 * The rights of one node-agent: the status of its own ClusterNode and its own Lease. They name the user, not the group,
 * so deleting a node's objects ends its rights at once, whatever certificate it still holds.
 */
export function agentAccessObjects(nodeName: string): readonly PlainObject[] {
  const name = agentUser(nodeName);
  const subject = { kind: "User", name } as const;
  const { group, plural } = ClusterNode;
  return [
    ...grant({
      name,
      labels: MANAGED_BY,
      subject,
      rules: [
        { apiGroups: [group], resources: [plural], resourceNames: [nodeName], verbs: ["get"] },
        {
          apiGroups: [group],
          resources: [`${plural}/status`],
          resourceNames: [nodeName],
          verbs: ["get", "patch", "update"],
        },
      ],
    }),
    ...grant({
      name,
      namespace: NAMESPACE,
      labels: MANAGED_BY,
      subject,
      rules: [
        {
          apiGroups: ["coordination.k8s.io"],
          resources: ["leases"],
          resourceNames: [agentLeaseName(nodeName)],
          verbs: ["get", "patch", "update"],
        },
      ],
    }),
  ];
}
