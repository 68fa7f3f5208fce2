import { waitFor } from "@cluster-os/std/drivers";
import { KubernetesError } from "../errors.ts";
import { memberOf, type EtcdMember } from "../plan/etcd.ts";
import type { Context } from "./context.ts";
import { findHeir, leaveEtcd } from "./etcd-leave.ts";
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
 * It may have its vote already, and two voters of which one is wiped never have a majority again. Throws while nobody
 * tells, or the others do not consent: until then this data may be what they need.
 */
export async function giveVoteBack(
  context: Context,
  server: JoinedServer,
  signal: AbortSignal,
): Promise<void> {
  const { nodeName, meshAddress, servers } = await knownPlacement(context);
  const etcd = await Etcd.open(context.host, server.etcd);
  if (!etcd) return;
  await server.start();
  const others = servers.filter((other) => other.nodeName !== nodeName).map(({ address }) => address);
  // Its own member first: that one knows of its vote before any other is sure of it.
  const members = await firstList(context, [etcd, ...others.map((at) => etcd.at(server.urlAt(at)))], signal);
  const own = memberOf(members, { nodeName, address: meshAddress });
  if (!own) return;
  const heir = await findHeir(etcd, members, own, signal);
  if (!heir) {
    throw new KubernetesError(
      `${nodeName} has a vote in etcd, and no other voter answers: its data is not wiped before one does`,
    );
  }
  await leaveEtcd(etcd, own, heir, signal);
}

async function firstList(
  { host }: Context,
  asked: readonly Etcd[],
  signal: AbortSignal,
): Promise<readonly EtcdMember[]> {
  const ask = async (): Promise<readonly EtcdMember[] | undefined> => {
    for (const etcd of asked) {
      const members = await etcd.members(signal, 2000).catch(() => undefined);
      if (members) return members;
    }
    return undefined;
  };
  return waitFor(ask, {
    what: "an answer of etcd, which may count on this machine's vote,",
    timeoutMs: ANSWER_MS * host.patience,
    everyMs: 200 * host.patience,
    signal,
  });
}
