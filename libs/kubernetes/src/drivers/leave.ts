import { KubernetesError } from "../errors.ts";
import { memberOf, withoutServer } from "../plan/etcd.ts";
import {
  API_SERVER_PORT,
  API_URL,
  CONTROL_PLANE_PODS,
  LABELS_OF_SERVERS,
  PATHS,
  UNITS,
} from "../settings.ts";
import { systemctl, type Context } from "./context.ts";
import { findHeir, leaveEtcd, moveLeadership } from "./etcd-leave.ts";
import { Etcd, KUBEADM_ETCD } from "./etcd.ts";
import { KubeApi } from "./kube-api.ts";
import { knownPlacement } from "./machine.ts";
import { stopPods } from "./static-pods.ts";

/** Removes a machine that is gone for good, as seen from a ready server. */
export async function removeMember(context: Context, nodeName: string, signal: AbortSignal): Promise<void> {
  const [api, etcd] = await openServer(context);
  const member = memberOf(await etcd.members(signal), {
    nodeName,
    address: await api.nodeAddress(nodeName, signal),
  });
  // First of all: kubeadm asks every listed member how it is before it lets another join.
  if (member) await etcd.remove(member, signal);
  await api.deleteNode(nodeName, signal);
  // kubeadm looks for etcd's endpoints at the pods of all members, so a dead one's must not stay.
  await Promise.all((await api.podsOn(nodeName, signal)).map((pod) => api.forgetPod(pod, signal)));
}

/** The same for etcd alone: the machine's Node and pods stay. */
export async function removeVoter(context: Context, nodeName: string, signal: AbortSignal): Promise<void> {
  const [api, etcd] = await openServer(context);
  const address = await api.nodeAddress(nodeName, signal);
  const member = memberOf(await etcd.members(signal), { nodeName, address });
  if (member) await etcd.remove(member, signal);
}

/** Makes this server a worker in place. */
export async function demote(context: Context, signal: AbortSignal): Promise<void> {
  const placement = await knownPlacement(context);
  const { nodeName, meshAddress } = placement;
  // Opened first: the certificates are wiped below, and both go on working from memory.
  const [api, etcd] = await openServer(context);
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
  const labels = Object.fromEntries(LABELS_OF_SERVERS.map((label) => [label, null]));
  await api.patchNode(nodeName, { metadata: { labels } }, signal);
  await pointKubeletAtBalancer(context, meshAddress, signal);
  // An API server that loses its etcd while it shuts down hangs until it is killed, so etcd goes last.
  await stopPods(context, ["kube-apiserver", "kube-controller-manager", "kube-scheduler"], signal);
  if (member && heir) await leaveEtcd(etcd, member, heir, signal);
  await stopPods(context, ["etcd"], signal);
  await wipeServerFiles(context);
  // A mirror pod that stays in the API keeps a later promotion waiting for its volumes.
  await Promise.all(
    CONTROL_PLANE_PODS.map((pod) =>
      api.forgetPod({ namespace: "kube-system", name: `${pod}-${nodeName}` }, signal),
    ),
  );
}

async function openServer({ host }: Context): Promise<readonly [KubeApi, Etcd]> {
  const etcd = await Etcd.open(host, KUBEADM_ETCD);
  if (!etcd) throw new KubernetesError("only a control-plane server can do this: this machine has no etcd");
  return [await KubeApi.open(host, PATHS.adminKubeconfig), etcd];
}

/** kubeadm may have pointed a server's kubelet at its own API server, which is about to go. */
export async function pointKubeletAtBalancer(
  context: Context,
  meshAddress: string,
  signal: AbortSignal,
): Promise<void> {
  const own = `https://${meshAddress}:${API_SERVER_PORT}`;
  const kubeconfig = (await context.host.readFile(PATHS.kubeletKubeconfig)) ?? "";
  if (!kubeconfig.includes(own)) return;
  await context.host.writeFile(PATHS.kubeletKubeconfig, kubeconfig.replaceAll(own, API_URL), 0o600);
  await systemctl(context, "restart", UNITS.kubelet, signal);
}

/** Keys, kubeconfigs and data of a server; a worker keeps the CA's certificate and its kubelet's own. */
async function wipeServerFiles({ host }: Context): Promise<void> {
  for (const name of ["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"]) {
    await host.remove(`${PATHS.kubernetes}/${name}`);
  }
  const pki = `${PATHS.kubernetes}/pki`;
  for (const name of await host.list(pki))
    if (`${pki}/${name}` !== PATHS.caCertificate) await host.remove(`${pki}/${name}`);
  await host.empty(PATHS.etcdFolder);
}
