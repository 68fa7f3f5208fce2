import type { PlainObject } from "./kubernetes-object.ts";
import { admissionPolicy } from "./admission-policy.ts";
import { AUDIT_LABEL, auditName, MANAGED_BY, NAMESPACE, revocationName } from "./names.ts";

/** One entry of the audit log. Creation is atomic, so a number goes to one entry only; immutable, so it stays what it is. */
export function auditObject(sequence: number, record: Uint8Array, summary: string): PlainObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: auditName(sequence),
      namespace: NAMESPACE,
      labels: { ...MANAGED_BY, [AUDIT_LABEL]: "entry" },
    },
    // The summary is for people who look with kubectl; what counts is the signed record.
    data: { summary, record: Buffer.from(record).toString("base64") },
    immutable: true,
  };
}

/** The number and the signed record of such an object; undefined for another one. */
export function readAuditObject(object: {
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>> | undefined;
}): { readonly sequence: number; readonly record: Uint8Array } | undefined {
  const sequence = /^audit-([0-9]{10})$/.exec(object.metadata.name)?.[1];
  const record = object.data?.["record"];
  if (sequence === undefined || record === undefined) return undefined;
  return { sequence: Number(sequence), record: new Uint8Array(Buffer.from(record, "base64")) };
}

/** The log and the revocations are only ever added to, whoever asks. */
export function recordPolicyObjects(): readonly PlainObject[] {
  const kept = [auditName(0).slice(0, -10), revocationName("")].map((prefix) => `"${prefix}"`).join(", ");
  return admissionPolicy({
    name: "cluster-os-records",
    who: `request.namespace == "${NAMESPACE}"`,
    rules: [{ apiGroups: [""], resources: ["configmaps"], operations: ["DELETE"] }],
    validations: [
      {
        expression: `![${kept}].exists(prefix, oldObject.metadata.name.startsWith(prefix))`,
        message: "entries of the audit log and revocations are kept for ever",
      },
    ],
  });
}
