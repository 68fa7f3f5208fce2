/** A Kubernetes object as plain data, ready for JSON. */
export interface PlainObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
    /** What it goes with. */
    readonly ownerReferences?: readonly {
      readonly apiVersion: string;
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
      readonly controller?: boolean;
    }[];
  };
  readonly [field: string]: unknown;
}

/** One rule of a Role: verbs on resources, and only those named if names are given. */
export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const RBAC = "rbac.authorization.k8s.io";

/** A role and its binding to one subject, under one name: cluster-wide, or in `namespace`. */
export function grant(options: {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly subject: { readonly kind: "User" | "Group"; readonly name: string };
  readonly rules: readonly AccessRule[];
}): readonly PlainObject[] {
  const { name, namespace, labels, subject, rules } = options;
  const apiVersion = `${RBAC}/v1`;
  const kind = namespace === undefined ? "ClusterRole" : "Role";
  const metadata = { name, ...(namespace !== undefined && { namespace }), labels };
  return [
    { apiVersion, kind, metadata, rules },
    {
      apiVersion,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: RBAC, kind, name },
      subjects: [{ apiGroup: RBAC, ...subject }],
    },
  ];
}
