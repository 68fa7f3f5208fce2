import { ClusterNode } from "../resources/cluster-node.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import { AGENTS_GROUP, MANAGED_BY } from "./names.ts";

const NAME = "cluster-os-node-agents";

/** Conditions that others judge a node by: a machine does not write its own testimonial. */
const NOT_THE_AGENTS = ["Ready", "SpecApplied", "Member", "IdentityVerified"];

/**
 * What roles cannot say (they end at the object): a node-agent writes no condition that the servers own. Without this, a
 * machine that somebody took over could report itself Ready.
 */
export function agentPolicyObjects(): readonly PlainObject[] {
  const apiVersion = "admissionregistration.k8s.io/v1";
  const metadata = { name: NAME, labels: MANAGED_BY };
  return [
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [ClusterNode.group],
              apiVersions: [ClusterNode.version],
              operations: ["UPDATE"],
              resources: [`${ClusterNode.plural}/status`],
            },
          ],
        },
        matchConditions: [
          { name: "node-agents", expression: `"${AGENTS_GROUP}" in request.userInfo.groups` },
        ],
        validations: NOT_THE_AGENTS.map((type) => ({
          expression: `${conditionsOf("object", type)} == ${conditionsOf("oldObject", type)}`,
          message: `condition ${type} is written by the servers, not by node-agent`,
        })),
      },
    },
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata,
      spec: { policyName: NAME, validationActions: ["Deny"] },
    },
  ];
}

function conditionsOf(object: string, type: string): string {
  return `${object}.?status.?conditions.orValue([]).filter(c, c.type == "${type}")`;
}
