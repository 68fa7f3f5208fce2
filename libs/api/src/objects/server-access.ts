import { ClusterNode } from "../resources/cluster-node.ts";
import { SlurmCluster } from "../resources/slurm-cluster.ts";
import { grant, type PlainObject } from "./kubernetes-object.ts";
import { MANAGED_BY, NAMESPACE, SERVERS_GROUP } from "./names.ts";

const ALL = ["get", "list", "watch", "create", "update", "patch", "delete"];
const MAKE = ["get", "list", "watch", "create", "patch", "delete"];
const RBAC = ["rbac.authorization.k8s.io"];

/**
 * The rights of the servers' bootstrap: admit nodes, keep their objects, have their agents' certificates
 * signed. It may make roles, but neither `escalate` nor `bind`: Kubernetes lets it grant only what it has,
 * and it has little more than what an agent gets.
 */
export function serverAccessObjects(): readonly PlainObject[] {
  const subject = { kind: "Group", name: SERVERS_GROUP } as const;
  const { group, plural } = ClusterNode;
  return [
    ...grant({
      name: SERVERS_GROUP,
      labels: MANAGED_BY,
      subject,
      rules: [
        { apiGroups: [group], resources: [plural, `${plural}/status`], verbs: ALL },
        // Not that it looked at it: who grants agents a right must have it.
        { apiGroups: [group], resources: [SlurmCluster.plural], verbs: ["get", "list", "watch"] },
        { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch", "patch"] },
        { apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"], verbs: MAKE },
        {
          apiGroups: ["certificates.k8s.io"],
          resources: ["certificatesigningrequests/approval"],
          verbs: ["update"],
        },
        {
          apiGroups: ["certificates.k8s.io"],
          resources: ["signers"],
          resourceNames: ["kubernetes.io/kube-apiserver-client"],
          verbs: ["approve"],
        },
        { apiGroups: RBAC, resources: ["clusterroles", "clusterrolebindings"], verbs: MAKE },
      ],
    }),
    // Events of objects that have no namespace lie in this one.
    ...grant({
      name: SERVERS_GROUP,
      namespace: "default",
      labels: MANAGED_BY,
      subject,
      rules: [{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] }],
    }),
    ...grant({
      name: SERVERS_GROUP,
      namespace: NAMESPACE,
      labels: MANAGED_BY,
      subject,
      rules: [
        { apiGroups: [""], resources: ["configmaps"], verbs: ALL },
        // The cluster's join keys: every server has the keys of all Secrets anyway.
        { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch", "create"] },
        { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ALL },
        { apiGroups: RBAC, resources: ["roles", "rolebindings"], verbs: MAKE },
      ],
    }),
  ];
}
