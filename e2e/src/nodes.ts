import { findCondition, type ClusterNodeObject } from "@cluster-os/api";
import { kubectlJson, must } from "./cluster-os.ts";

export type { ClusterNodeObject };

/** All ClusterNodes, by their index. */
export async function clusterNodes(): Promise<readonly ClusterNodeObject[]> {
  const { items } = await kubectlJson<{ readonly items: readonly ClusterNodeObject[] }>(
    "get",
    "clusternodes",
  );
  return items.toSorted((left, right) => (left.status?.index ?? 0) - (right.status?.index ?? 0));
}

export function isReady(node: ClusterNodeObject | undefined): boolean {
  return findCondition(node?.status?.conditions, "Ready")?.status === "True";
}

/** The name of the node that machine `number` became. */
export async function nodeNameOf(number: number): Promise<string> {
  return (await must(["shell", `m${number}`, "--", "hostname"])).trim();
}

/** A node's address in the mesh. */
export function meshAddressOf(node: ClusterNodeObject): string {
  return node.status?.addresses?.find(({ type }) => type === "Mesh")?.address ?? "";
}

interface EtcdMembers {
  readonly members: readonly { readonly name: string; readonly isLearner?: boolean }[];
}

/** Names of the members whose votes count, as etcd itself says on a server. */
export async function etcdVoters(machine: number): Promise<readonly string[]> {
  const keys = "/etc/kubernetes/pki/etcd";
  const { members } = JSON.parse(
    await must([
      ...["shell", `m${machine}`, "--", "curl", "--silent", "--fail", "--max-time", "5"],
      ...[
        "--cacert",
        `${keys}/ca.crt`,
        "--cert",
        `${keys}/healthcheck-client.crt`,
        "--key",
        `${keys}/healthcheck-client.key`,
      ],
      ...["--data", "{}", "https://127.0.0.1:2379/v3/cluster/member/list"],
    ]),
  ) as EtcdMembers;
  return members.filter(({ isLearner }) => isLearner !== true).map(({ name }) => name);
}

/** WireGuard's own account of a machine: seconds since the epoch of each peer's last handshake, 0 for never. */
export async function handshakes(machine: number): Promise<readonly number[]> {
  const lines = (await must(["shell", `m${machine}`, "--", "wg", "show", "cos0", "latest-handshakes"]))
    .trim()
    .split("\n");
  return lines.map((line) => Number(line.split("\t")[1]));
}
