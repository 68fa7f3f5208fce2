import { successor, type EtcdMember } from "../plan/etcd.ts";
import type { Etcd } from "./etcd.ts";

/** A healthy member that takes over from one that leaves; undefined if there is none. */
export async function findHeir(
  etcd: Etcd,
  members: readonly EtcdMember[],
  leaving: EtcdMember,
  signal: AbortSignal,
): Promise<EtcdMember | undefined> {
  return successor(members, await answering(etcd, members, signal), leaving);
}

/** The members that answer, by their IDs. */
export async function answering(
  etcd: Etcd,
  members: readonly EtcdMember[],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const asked = await Promise.all(
    members.map(async (member) => ((await etcd.statusOf(member, signal)) ? [member.ID] : [])),
  );
  return new Set(asked.flat());
}

/** Before anything else ends here: a leader that goes without this costs the cluster an election. */
export async function moveLeadership(
  etcd: Etcd,
  member: EtcdMember,
  heir: EtcdMember,
  signal: AbortSignal,
): Promise<void> {
  if ((await etcd.statusOf(member, signal))?.leader === member.ID) await etcd.handOver(heir, signal);
}

export async function leaveEtcd(
  etcd: Etcd,
  member: EtcdMember,
  heir: EtcdMember,
  signal: AbortSignal,
): Promise<void> {
  // It may have been elected anew meanwhile.
  await moveLeadership(etcd, member, heir, signal);
  // Asked of the heir: a member that removes itself does not live to answer.
  await etcd.at(heir.clientURLs[0] as string).remove(member, signal);
}
