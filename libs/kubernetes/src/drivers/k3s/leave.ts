import type { NodePlacement } from "../../distribution.ts";
import { KubernetesError } from "../../errors.ts";
import { K3S, K3S_BOOTSTRAP_GROUP, K3S_SERVER_ANNOTATIONS, K3S_SERVER_LABELS } from "../../k3s-settings.ts";
import { memberOf, withoutServer } from "../../plan/etcd.ts";
import { secureToken } from "../../plan/k3s.ts";
import { PATHS } from "../../settings.ts";
import type { Context } from "../context.ts";
import { mintBootstrapToken, readOwn } from "../credentials.ts";
import { findHeir, leaveEtcd, moveLeadership } from "../etcd-leave.ts";
import { KubeApi } from "../kube-api.ts";
import { knownPlacement } from "../machine.ts";
import { becomeWorker } from "./join.ts";
import { openEtcd } from "./machine.ts";
import { stopK3s } from "./unit.ts";

/** Removes a machine that is gone for good, as seen from a ready server. */
export async function removeMember(context: Context, nodeName: string, signal: AbortSignal): Promise<void> {
  const etcd = await openEtcd(context, await knownPlacement(context));
  const api = await KubeApi.open(context.host, PATHS.adminKubeconfig);
  const address = await api.nodeAddress(nodeName, signal);
  const member = memberOf(await etcd.members(signal), { nodeName, address });
  // First: k3s removes the member of a deleted Node itself, but forgets to if its leader restarts at that moment.
  if (member) await etcd.remove(member, signal);
  await api.deleteNode(nodeName, signal);
  // The hash of the password by which servers know the node again: one that comes back with an empty disk has another.
  await api.remove(`/api/v1/namespaces/kube-system/secrets/${nodeName}.node-password.k3s`, signal);
  await Promise.all((await api.podsOn(nodeName, signal)).map((pod) => api.forgetPod(pod, signal)));
}

/** The same for etcd alone: the machine's Node and pods stay. */
export async function removeVoter(context: Context, nodeName: string, signal: AbortSignal): Promise<void> {
  const etcd = await openEtcd(context, await knownPlacement(context));
  const api = await KubeApi.open(context.host, PATHS.adminKubeconfig);
  const address = await api.nodeAddress(nodeName, signal);
  const member = memberOf(await etcd.members(signal), { nodeName, address });
  if (member) await etcd.remove(member, signal);
}

/** Makes this server a worker in place. */
export async function demote(context: Context, signal: AbortSignal): Promise<void> {
  const placement = await knownPlacement(context);
  const { nodeName, meshAddress } = placement;
  // Opened first: the certificates are wiped below, and both go on working from memory.
  const etcd = await openEtcd(context, placement);
  const api = await KubeApi.open(context.host, PATHS.adminKubeconfig);
  const ca = await readOwn(context, PATHS.caCertificate);
  const members = await etcd.members(signal);
  const member = memberOf(members, { nodeName, address: meshAddress });
  const others = withoutServer(await context.balancer.servers(), nodeName);
  const heir = member && (await findHeir(etcd, members, member, signal));
  if (others.length === 0 || (member && !heir)) {
    throw new KubernetesError(
      `${nodeName} cannot be demoted: no other server could take over. Add one first`,
    );
  }
  if (member && heir) await moveLeadership(etcd, member, heir, signal);
  await context.balancer.point({ ...placement, servers: others }, signal);
  const token = await mintBootstrapToken(
    context,
    api,
    { role: "worker", group: K3S_BOOTSTRAP_GROUP },
    signal,
  );
  if (member && heir) await leaveEtcd(etcd, member, heir, signal);
  // At once: a server that finds itself removed ends, and started again it would join as a new member.
  await stopK3s(context, "server", signal);
  await wipeServerFiles(context);
  // After the stop: as long as it runs, the server writes them back.
  await api.patchNode(nodeName, withoutRole(), signal);
  await becomeWorker(
    context,
    { ...placement, servers: others } satisfies NodePlacement,
    secureToken(ca, token),
    signal,
  );
}

/** The server's part of k3s' folder and whatever opens the cluster; a worker keeps the authority's certificate. */
async function wipeServerFiles({ host }: Context): Promise<void> {
  for (const path of [K3S.serverToken, K3S.agentToken, K3S.kubeconfig, PATHS.adminKubeconfig])
    await host.remove(path);
  await host.empty(K3S.server);
}

function withoutRole(): object {
  const none = (names: readonly string[]): Readonly<Record<string, null>> =>
    Object.fromEntries(names.map((name) => [name, null]));
  return { metadata: { labels: none(K3S_SERVER_LABELS), annotations: none(K3S_SERVER_ANNOTATIONS) } };
}
