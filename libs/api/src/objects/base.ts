import { ClusterNode } from "../resources/cluster-node.ts";
import { SlurmCluster } from "../resources/slurm-cluster.ts";
import { SlurmToken } from "../resources/slurm-token.ts";
import { crdOf } from "../resources/crd.ts";
import { recordPolicyObjects } from "./audit.ts";
import { agentPolicyObjects } from "./agent-policy.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import { MANAGED_BY, NAMESPACE } from "./names.ts";
import { operatorPolicyObjects } from "./operator-policy.ts";
import { revocationPolicyObjects } from "./revocation.ts";
import { serverAccessObjects } from "./server-access.ts";
import { slurmOperatorPolicyObjects } from "./slurm/operator-policy.ts";

/** What a cluster needs before its first node is admitted, in the order in which to apply it; then comes the chart. */
export function baseObjects(): readonly PlainObject[] {
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels: MANAGED_BY } },
    crdOf(ClusterNode),
    crdOf(SlurmCluster),
    crdOf(SlurmToken),
    ...serverAccessObjects(),
  ];
}

/** What the Helm chart carries of these: policies on who writes what. */
export function admissionPolicyObjects(): readonly PlainObject[] {
  return [
    ...agentPolicyObjects(),
    ...operatorPolicyObjects(),
    ...slurmOperatorPolicyObjects(),
    ...revocationPolicyObjects(),
    ...recordPolicyObjects(),
  ];
}
