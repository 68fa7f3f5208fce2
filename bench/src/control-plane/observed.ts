import type { ServerApi } from "./server-api.ts";

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime: string;
    }[];
  };
}

/** Names of the nodes whose kubelet has said since `sinceMs` (of the Unix epoch) that it is ready. */
export async function readyNodes(api: ServerApi, sinceMs: number): Promise<readonly string[]> {
  const list = await api.get<{ readonly items: readonly NodeObject[] }>("/api/v1/nodes");
  return (list?.items ?? []).filter((node) => isReady(node, sinceMs)).map(({ metadata }) => metadata.name);
}

function isReady({ status }: NodeObject, sinceMs: number): boolean {
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  // It is told to the second.
  return ready?.status === "True" && Date.parse(ready.lastHeartbeatTime) >= sinceMs - 1000;
}

/** Who holds a Lease: "HOST_UUID" of Kubernetes' own controllers, a pod's name of ours. */
export async function holderOf(api: ServerApi, namespace: string, name: string): Promise<string | undefined> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  return (await api.get<{ readonly spec: { readonly holderIdentity?: string } }>(path))?.spec.holderIdentity;
}

interface Members {
  readonly members: readonly {
    readonly ID: string;
    readonly name: string;
    readonly isLearner?: boolean;
  }[];
}

/** Members of etcd that have a vote, by the name of their node; none where etcd does not answer. */
export async function votersOf(api: ServerApi): Promise<ReadonlyMap<string, string>> {
  const found = await api.etcd<Members>("cluster/member/list");
  const voters = (found?.members ?? []).filter(({ isLearner }) => isLearner !== true);
  return new Map(voters.map(({ name, ID }) => [name, ID]));
}

/** Makes the member of `node` etcd's leader; nothing, where it is. Only the leader itself takes that call. */
export async function lead(apis: readonly ServerApi[], node: string): Promise<void> {
  for (const api of apis) {
    const targetID = (await votersOf(api)).get(node);
    const status = await api.etcd<{ readonly leader: string; readonly header: { member_id: string } }>(
      "maintenance/status",
    );
    if (targetID === undefined || status === undefined || status.leader === targetID) continue;
    if (status.leader === status.header.member_id)
      await api.etcd("maintenance/transfer-leadership", { targetID });
  }
}
