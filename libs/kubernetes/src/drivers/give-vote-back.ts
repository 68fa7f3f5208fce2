import { waitFor } from "@cluster-os/std/drivers";
import type { ServerAddress } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { isMajorityWithout, memberOf, successor, withoutServer, type EtcdMember } from "../plan/etcd.ts";
import type { Context } from "./context.ts";
import { answering, leaveEtcd } from "./etcd-leave.ts";
import { Etcd, type EtcdAccess } from "./etcd.ts";
import { knownPlacement } from "./machine.ts";

/** A member whose machine has just booted answers within this time, if it ever does. */
const ANSWER_MS = 30_000;

/** A server that joined others, as its distribution knows it. */
export interface JoinedServer {
  readonly etcd: EtcdAccess;
  /** Where etcd answers on a server, by its mesh address. */
  readonly urlAt: (meshAddress: string) => string;
  /** Starts what runs its member, if that does not run. */
  readonly start: () => Promise<void>;
}

/**
 * Before a join that did not get through is wiped: etcd forgets this machine's member, while that one can still consent.
 * It may have its vote already, and two voters of which one is wiped never have a majority again. Throws while no majority
 * tells, does not consent, or would be left: until then this data may be what they need. `servers` are those of this moment.
 */
export async function giveVoteBack(
  context: Context,
  server: JoinedServer,
  servers: readonly ServerAddress[],
  signal: AbortSignal,
): Promise<void> {
  const { nodeName, meshAddress } = await knownPlacement(context);
  const etcd = await Etcd.open(context.host, server.etcd);
  if (!etcd) return;
  await server.start();
  const others = withoutServer(servers, nodeName).map(({ address }) => etcd.at(server.urlAt(address)));
  // The others first: they may have gone on without this machine, or begun anew, and its own member would not know.
  const members = await agreed(context, [...others, etcd], signal);
  const own = memberOf(members, { nodeName, address: meshAddress });
  if (!own) return;
  const healthy = await answering(etcd, members, signal);
  const heir = successor(members, healthy, own);
  // etcd refuses it as well (--strict-reconfig-check), in words that name nobody.
  if (!heir || !isMajorityWithout(members, healthy, own)) {
    throw new KubernetesError(
      `${nodeName} has a vote in etcd, and the other voters that answer would be no majority without it: its data is not wiped before another one answers, or is revoked`,
    );
  }
  await leaveEtcd(etcd, own, heir, signal);
}

/** The members by the first that speaks for a majority. */
async function agreed(
  { host }: Context,
  asked: readonly Etcd[],
  signal: AbortSignal,
): Promise<readonly EtcdMember[]> {
  const ask = async (): Promise<readonly EtcdMember[] | undefined> => {
    for (const etcd of asked) {
      const members = await etcd.agreedMembers(signal, 2000 * host.patience).catch(() => undefined);
      if (members) return members;
    }
    return undefined;
  };
  return waitFor(ask, {
    what: "an answer of etcd's majority, which may count on this machine's vote,",
    timeoutMs: ANSWER_MS * host.patience,
    everyMs: 200 * host.patience,
    signal,
  });
}
