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
  /** Objects that the validations know as `params`: all with this label. Each must be satisfied; none is fine. */
  readonly params?: { readonly kind: "ConfigMap"; readonly namespace: string; readonly label: string };
  readonly validations: readonly { readonly expression: string; readonly message: string }[];
}): readonly PlainObject[] {
  const { name, who, rules, params, validations } = options;
  const apiVersion = "admissionregistration.k8s.io/v1";
  const metadata = { name, labels: MANAGED_BY };
  return [
    {
      apiVersion,
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: "Fail",
        ...(params && { paramKind: { apiVersion: "v1", kind: params.kind } }),
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
      spec: {
        policyName: name,
        validationActions: ["Deny"],
        ...(params && {
          paramRef: {
            namespace: params.namespace,
            selector: { matchExpressions: [{ key: params.label, operator: "Exists" }] },
            parameterNotFoundAction: "Allow",
          },
        }),
      },
    },
  ];
}
