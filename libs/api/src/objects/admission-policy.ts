import type { PlainObject } from "./kubernetes-object.ts";
import { MANAGED_BY } from "./names.ts";

/** One thing that a policy demands, of requests for these resources. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE")[];
}

/** A ValidatingAdmissionPolicy for some users' requests, and the binding that makes it count. */
export function admissionPolicy(options: {
  readonly name: string;
  /** CEL: whose requests are looked at. */
  readonly who: string;
  readonly rules: readonly PolicyRule[];
  readonly validations: readonly { readonly expression: string; readonly message: string }[];
}): readonly PlainObject[] {
  const { name, who, rules, validations } = options;
  const apiVersion = "admissionregistration.k8s.io/v1";
  const metadata = { name, labels: MANAGED_BY };
  return [
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: rules.map(({ apiGroups, resources, operations }) => ({
            apiGroups,
            apiVersions: ["*"],
            operations,
            resources,
          })),
        },
        matchConditions: [{ name: "who", expression: who }],
        validations,
      },
    },
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata,
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  ];
}
