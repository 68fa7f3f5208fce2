import { ClusterNode } from "../resources/cluster-node.ts";
import { SLURM_CLUSTER_NAME, SlurmCluster } from "../resources/slurm-cluster.ts";
import { grant, type PlainObject } from "./kubernetes-object.ts";
import { agentLeaseName, agentUser, MANAGED_BY, NAMESPACE } from "./names.ts";
import { slurmConfigName, slurmKeysName, slurmLeaseName } from "./slurm/names.ts";

const READ = ["get", "list", "watch"];

/**
 * The rights of one node-agent: the status of its own ClusterNode and its own Lease; of SLURM, to read what is wished and
 * the keys, and to renew the controller's Lease, which a policy allows to who holds it. They name the user, not the group,
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
          resources: [SlurmCluster.plural],
          resourceNames: [SLURM_CLUSTER_NAME],
          verbs: READ,
        },
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
        {
          apiGroups: ["coordination.k8s.io"],
          resources: ["leases"],
          resourceNames: [slurmLeaseName(SLURM_CLUSTER_NAME)],
          verbs: [...READ, "update"],
        },
        {
          apiGroups: [""],
          resources: ["configmaps"],
          resourceNames: [slurmConfigName(SLURM_CLUSTER_NAME)],
          verbs: READ,
        },
        {
          apiGroups: [""],
          resources: ["secrets"],
          resourceNames: [slurmKeysName(SLURM_CLUSTER_NAME)],
          verbs: READ,
        },
      ],
    }),
  ];
}
