import type { EtcdMemberStatus } from "@cluster-os/kubernetes";

/** What is looked at before a node is revoked. */
export interface RevocationRequest {
  readonly name: string;
  readonly isServer: boolean;
  /** Members of etcd as this server sees them. */
  readonly etcdMembers: readonly EtcdMemberStatus[];
}

/**
 * Why a node must not be revoked now, with the way out; undefined if it may. A server takes its vote with it: the voters
 * that stay must have a living majority among them, or nothing could ever be decided again.
 */
export function planRevocation({ name, isServer, etcdMembers }: RevocationRequest): string | undefined {
  if (!isServer) return undefined;
  const voters = etcdMembers.filter((member) => !member.isLearner);
  if (!voters.some((voter) => voter.name === name)) return undefined;
  const staying = voters.filter((voter) => voter.name !== name);
  const living = staying.filter(({ healthy }) => healthy);
  if (staying.length === 0) {
    return `${name} is the only control-plane server: the cluster would end with it. Add another server first`;
  }
  if (living.length * 2 > staying.length) return undefined;
  const dead = staying
    .filter(({ healthy }) => !healthy)
    .map((voter) => voter.name || "one that never started");
  return (
    `without ${name} only ${living.length} of ${staying.length} control-plane servers would answer, which is no majority. ` +
    `Bring ${dead.join(" and ")} back, or revoke what is gone for good first`
  );
}
