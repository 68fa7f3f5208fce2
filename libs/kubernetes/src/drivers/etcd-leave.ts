import { describeError } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { memberOf, successor, type EtcdMember } from "../plan/etcd.ts";
import type { Context } from "./context.ts";
import { Etcd, type EtcdAccess } from "./etcd.ts";
import { knownPlacement } from "./machine.ts";

/** A member whose machine has just booted answers within this time, if it ever does. */
const OWN_ANSWER_MS = 30_000;

/** A healthy member that takes over from one that leaves; undefined if there is none. */
export async function findHeir(
  etcd: Etcd,
  members: readonly EtcdMember[],
  leaving: EtcdMember,
  signal: AbortSignal,
): Promise<EtcdMember | undefined> {
  const asked = await Promise.all(
    members.map(async (member) => ((await etcd.statusOf(member, signal)) ? [member.ID] : [])),
  );
  return successor(members, new Set(asked.flat()), leaving);
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

/** A server that joined others, as its distribution knows it. */
export interface JoinedServer {
  readonly etcd: EtcdAccess;
  /** Starts what runs its member, if that does not run. */
  readonly start: () => Promise<void>;
}

/**
 * Before a server is wiped: etcd forgets its member while that one can still consent. Two voters of which one was wiped
 * never have a majority again, and a join that fails late is wiped with its vote. Best effort: what is to be wiped may be
 * what is left of a cluster that is gone.
 */
export async function giveVoteBack(
  context: Context,
  { etcd: access, start }: JoinedServer,
  signal: AbortSignal,
): Promise<void> {
  const { host, logger } = context;
  try {
    const { nodeName, meshAddress } = await knownPlacement(context);
    const etcd = await Etcd.open(host, access);
    if (!etcd) return;
    await start();
    await waitFor(async () => (await etcd.status(signal)) !== undefined, {
      what: "this machine's own member of etcd",
      timeoutMs: OWN_ANSWER_MS * host.patience,
      everyMs: 200 * host.patience,
      signal,
    });
    const members = await etcd.members(signal);
    const own = memberOf(members, { nodeName, address: meshAddress });
    const heir = own && (await findHeir(etcd, members, own, signal));
    if (own && heir) await leaveEtcd(etcd, own, heir, signal);
  } catch (error) {
    signal.throwIfAborted();
    logger.warn("could not give back the vote in etcd, wiping on", { reason: describeError(error) });
  }
}
