import { ClusterNode } from "../resources/cluster-node.ts";
import { admissionPolicy } from "./admission-policy.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import { agentLeaseName, agentUser, nodeIndexName, OPERATOR_USER } from "./names.ts";

/** Conditions that the operator owns. */
const OWN = ["Ready", "SpecApplied"];

const RBAC = {
  apiGroups: ["rbac.authorization.k8s.io"],
  resources: ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
} as const;

/**
 * What roles cannot say: they know names, but no beginnings of names, and fields not at all. The operator deletes what is
 * named after a node and nothing else, and of a ClusterNode it writes its own conditions and finalizer.
 */
export function operatorPolicyObjects(): readonly PlainObject[] {
  const others = `.?conditions.orValue([]).filter(c, !(c.type in ${JSON.stringify(OWN)}))`;
  return admissionPolicy({
    name: "cluster-os-clusternode-operator",
    who: `request.userInfo.username == "${OPERATOR_USER}"`,
    rules: [
      { ...RBAC, operations: ["DELETE"] },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], operations: ["DELETE"] },
      { apiGroups: [""], resources: ["configmaps"], operations: ["UPDATE"] },
      {
        apiGroups: [ClusterNode.group],
        resources: [ClusterNode.plural, `${ClusterNode.plural}/status`],
        operations: ["UPDATE"],
      },
    ],
    validations: [
      {
        expression: `request.resource.group != "${RBAC.apiGroups[0]}" || request.name.startsWith("${agentUser("")}")`,
        message: "the operator takes away the rights of node-agents only",
      },
      {
        expression: `request.resource.resource != "leases" || request.name.startsWith("${agentLeaseName("")}")`,
        message: "the operator deletes the leases of node-agents only",
      },
      {
        expression: `request.resource.resource != "configmaps" || request.name.matches("^${nodeIndexName(0).replace("0", "[0-9]+")}$")`,
        message: "the operator marks the objects of indexes only",
      },
      {
        expression: `request.resource.resource != "${ClusterNode.plural}" || object.?spec == oldObject.?spec`,
        message: "the spec of a ClusterNode is people's",
      },
      {
        expression: `request.?subResource.orValue("") != "status" || (object.?status${others} == oldObject.?status${others} && object.?status.?nodeID == oldObject.?status.?nodeID && object.?status.?roles == oldObject.?status.?roles)`,
        message: `of a ClusterNode's status the operator writes the conditions ${OWN.join(" and ")} only`,
      },
    ],
  });
}
