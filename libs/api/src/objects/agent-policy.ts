import { ClusterNode } from "../resources/cluster-node.ts";
import { SLURM_CLUSTER_NAME } from "../resources/slurm-cluster.ts";
import { admissionPolicy } from "./admission-policy.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import { agentLeaseName, AGENTS_GROUP, agentUser, NAMESPACE } from "./names.ts";
import { slurmLeaseName } from "./slurm/names.ts";

/** Conditions that others judge a node by: a machine does not write its own testimonial. */
const NOT_THE_AGENTS = ["Ready", "SpecApplied", "Member", "IdentityVerified", "RootKeysExposed"];

const NODE = `request.userInfo.username.replace("${agentUser("")}", "", 1)`;

/** The holder renews the Lease of SLURM's controller or gives it back. Who holds it, and in which epoch, is the operator's. */
const RENEWS_CONTROLLER = [
  `request.name == "${slurmLeaseName(SLURM_CLUSTER_NAME)}"`,
  'request.operation == "UPDATE"',
  `oldObject.?spec.?holderIdentity.orValue("") == ${NODE}`,
  `object.?spec.?holderIdentity.orValue("") in [${NODE}, ""]`,
  "object.?spec.?leaseTransitions == oldObject.?spec.?leaseTransitions",
  "object.?spec.?leaseDurationSeconds == oldObject.?spec.?leaseDurationSeconds",
  "object.metadata.?annotations == oldObject.metadata.?annotations",
].join(" && ");

/** What a node-agent may write at all, and how its name follows from the user's. RBAC says so, and this says it again. */
const WRITTEN = {
  clusternodes: { name: nameAfter(""), what: "its own ClusterNode" },
  leases: {
    name: `request.namespace == "${NAMESPACE}" && (${nameAfter(agentLeaseName(""))} || ${RENEWS_CONTROLLER})`,
    what: "its own Lease, and that of SLURM's controller while it is named in it,",
  },
} as const;

/**
 * What roles cannot say (they end at the object): a node-agent writes no condition that others own. Without this, a
 * machine that somebody took over could report itself Ready. And, should a role ever give it too much: no object but
 * its own.
 */
export function agentPolicyObjects(): readonly PlainObject[] {
  const operations = ["CREATE", "UPDATE", "DELETE"] as const;
  return admissionPolicy({
    name: "cluster-os-node-agents",
    who: `"${AGENTS_GROUP}" in request.userInfo.groups`,
    rules: [
      {
        apiGroups: [ClusterNode.group],
        resources: [ClusterNode.plural, `${ClusterNode.plural}/status`],
        operations,
      },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], operations },
    ],
    validations: [
      ...Object.entries(WRITTEN).map(([resource, { name, what }]) => ({
        expression: `request.resource.resource != "${resource}" || (${name})`,
        message: `a node-agent writes ${what} only`,
      })),
      {
        expression: `request.resource.resource != "${ClusterNode.plural}" || request.?subResource.orValue("") == "status"`,
        message: "of its ClusterNode a node-agent writes the status only",
      },
      ...NOT_THE_AGENTS.map((type) => ({
        expression: `request.resource.resource != "${ClusterNode.plural}" || ${conditionsOf("object", type)} == ${conditionsOf("oldObject", type)}`,
        message: `condition ${type} is not node-agent's to write`,
      })),
    ],
  });
}

function nameAfter(prefix: string): string {
  return `request.name == request.userInfo.username.replace("${agentUser("")}", "${prefix}", 1)`;
}

function conditionsOf(object: string, type: string): string {
  return `${object}.?status.?conditions.orValue([]).filter(c, c.type == "${type}")`;
}
