import { ClusterNode } from "../resources/cluster-node.ts";
import { admissionPolicy } from "./admission-policy.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import { AGENTS_GROUP } from "./names.ts";

/** Conditions that others judge a node by: a machine does not write its own testimonial. */
const NOT_THE_AGENTS = ["Ready", "SpecApplied", "Member", "IdentityVerified"];

/**
 * What roles cannot say (they end at the object): a node-agent writes no condition that others own. Without this, a
 * machine that somebody took over could report itself Ready.
 */
export function agentPolicyObjects(): readonly PlainObject[] {
  return admissionPolicy({
    name: "cluster-os-node-agents",
    who: `"${AGENTS_GROUP}" in request.userInfo.groups`,
    rules: [
      {
        apiGroups: [ClusterNode.group],
        resources: [`${ClusterNode.plural}/status`],
        operations: ["UPDATE"],
      },
    ],
    validations: NOT_THE_AGENTS.map((type) => ({
      expression: `${conditionsOf("object", type)} == ${conditionsOf("oldObject", type)}`,
      message: `condition ${type} is written by the servers, not by node-agent`,
    })),
  });
}

function conditionsOf(object: string, type: string): string {
  return `${object}.?status.?conditions.orValue([]).filter(c, c.type == "${type}")`;
}
