import { z } from "zod";
import { admissionPolicy } from "./admission-policy.ts";
import type { PlainObject } from "./kubernetes-object.ts";
import {
  AGENTS_GROUP,
  agentUser,
  KEYS_REPLACED_ANNOTATION,
  kubeletUser,
  MANAGED_BY,
  NAMESPACE,
  REVOKED_LABEL,
  revocationName,
  SERVERS_GROUP,
  serverUser,
} from "./names.ts";

/** That a node is a member no longer, as the API holds it: decided there first, since creation is atomic. */
export interface Revocation {
  readonly nodeName: string;
  readonly nodeId: string;
  /** Unix milliseconds. */
  readonly revokedAt: number;
  /** IDs of the join keys that the node knew. */
  readonly retiredJoinKeys: readonly string[];
  /** Whether it held the cluster's own keys. */
  readonly wasServer: boolean;
  /** Which server wrote it, and at whose request. */
  readonly decidedBy: string;
  /** Of a server: when a person said that the keys it had were replaced. */
  readonly keysReplacedAt?: string;
}

const Data = z.object({
  nodeID: z.string().regex(/^ed25519:[0-9a-f]{64}$/),
  revokedAt: z.iso.datetime(),
  retiredJoinKeys: z.string().regex(/^([0-9a-f]{16}(,[0-9a-f]{16})*)?$/),
  wasServer: z.enum(["true", "false"]),
  decidedBy: z.string(),
});

/** Immutable: a revocation is never taken back, and every server signs the same record of it. */
export function revocationObject(revocation: Revocation): PlainObject {
  const { nodeName, nodeId, revokedAt, retiredJoinKeys, wasServer, decidedBy } = revocation;
  const data: z.input<typeof Data> = {
    nodeID: nodeId,
    revokedAt: new Date(revokedAt).toISOString(),
    retiredJoinKeys: retiredJoinKeys.join(","),
    wasServer: wasServer ? "true" : "false",
    decidedBy,
  };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: revocationName(nodeName),
      namespace: NAMESPACE,
      labels: { ...MANAGED_BY, [REVOKED_LABEL]: nodeName },
    },
    data,
    immutable: true,
  };
}

/** The revocation that such an object holds; undefined for one that somebody made by hand, and wrongly. */
export function readRevocation(object: {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
  readonly data?: Readonly<Record<string, string>> | undefined;
}): Revocation | undefined {
  const nodeName = object.metadata.labels?.[REVOKED_LABEL];
  const keysReplacedAt = object.metadata.annotations?.[KEYS_REPLACED_ANNOTATION];
  const data = Data.safeParse(object.data).data;
  if (nodeName === undefined || !data) return undefined;
  return {
    nodeName,
    nodeId: data.nodeID,
    revokedAt: Date.parse(data.revokedAt),
    retiredJoinKeys: data.retiredJoinKeys.split(",").filter((id) => id !== ""),
    wasServer: data.wasServer === "true",
    decidedBy: data.decidedBy,
    ...(keysReplacedAt !== undefined && { keysReplacedAt }),
  };
}

/**
 * Certificates outlive a revocation. Rights of node-agents end with their bindings; a kubelet's and a server's belong to
 * groups, so their writes are refused here by name, that by which a live kubelet would register itself again included.
 */
export function revocationPolicyObjects(): readonly PlainObject[] {
  const name = `params.metadata.labels["${REVOKED_LABEL}"]`;
  const users = [kubeletUser(""), agentUser(""), serverUser("")].map((prefix) => `"${prefix}" + ${name}`);
  const groups = ["system:nodes", AGENTS_GROUP, SERVERS_GROUP];
  return admissionPolicy({
    name: "cluster-os-revoked-nodes",
    who: `${JSON.stringify(groups)}.exists(group, group in request.userInfo.groups)`,
    rules: [{ apiGroups: ["*"], resources: ["*/*"], operations: ["CREATE", "UPDATE", "DELETE"] }],
    params: { kind: "ConfigMap", namespace: NAMESPACE, label: REVOKED_LABEL },
    validations: [
      {
        expression: `!(request.userInfo.username in [${users.join(", ")}])`,
        message: "this node is revoked",
      },
    ],
  });
}
