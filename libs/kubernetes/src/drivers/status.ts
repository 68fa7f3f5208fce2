import type { EtcdMemberStatus, KubernetesStatus } from "../distribution.ts";
import { API_SERVER_PORT, API_URL, PATHS, UNITS } from "../settings.ts";
import { attempt, type Context } from "./context.ts";
import { Etcd, KUBEADM_ETCD, type EtcdAccess } from "./etcd.ts";
import { knownPlacement } from "./machine.ts";

/** What a machine was made to be, and by what that is seen. */
export interface Look {
  readonly kind: KubernetesStatus["kind"];
  /** The unit that runs the kubelet. */
  readonly unit: string;
  readonly etcd: EtcdAccess;
}

export async function readStatus(
  context: Context,
  look: Look,
  signal: AbortSignal,
): Promise<KubernetesStatus> {
  const { kind } = look;
  if (kind === "none")
    return { kind, kubeletActive: false, apiReady: false, etcdMembers: [], leader: undefined };
  const [kubeletActive, apiReady, etcd] = await Promise.all([
    attempt(context, "systemctl", ["is-active", "--quiet", look.unit], signal, 5000),
    isApiReady(context, kind, signal),
    kind === "server" ? readEtcd(context, look.etcd, signal) : { etcdMembers: [], leader: undefined },
  ]);
  return { kind, kubeletActive, apiReady, ...etcd };
}

/** As kubeadm leaves it. */
export async function lookAtMachine({ host }: Context): Promise<Look> {
  const look = { unit: UNITS.kubelet, etcd: KUBEADM_ETCD };
  if ((await host.readFile(`${PATHS.manifests}/kube-apiserver.yaml`)) !== undefined)
    return { kind: "server", ...look };
  const hasKubelet = (await host.readFile(PATHS.kubeletKubeconfig)) !== undefined;
  return { kind: hasKubelet ? "worker" : "none", ...look };
}

async function isApiReady(
  context: Context,
  kind: "server" | "worker",
  signal: AbortSignal,
): Promise<boolean> {
  const ca = await context.host.readFile(PATHS.caCertificate);
  if (ca === undefined) return false;
  const base =
    kind === "server" ? `https://${(await knownPlacement(context)).meshAddress}:${API_SERVER_PORT}` : API_URL;
  try {
    const request = { method: "GET", url: `${base}/readyz`, ca, timeoutMs: 2000 } as const;
    return (await context.host.request(request, signal)).status === 200;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

async function readEtcd(
  context: Context,
  access: EtcdAccess,
  signal: AbortSignal,
): Promise<Pick<KubernetesStatus, "etcdMembers" | "leader">> {
  try {
    const etcd = await Etcd.open(context.host, access);
    const members = etcd ? await etcd.members(signal, 2000) : [];
    const asked = await Promise.all(members.map(async (member) => etcd?.statusOf(member, signal)));
    const leaderId = asked.find((status) => status !== undefined && status.leader !== "0")?.leader;
    const etcdMembers = members.map(({ name, isLearner, peerURLs }, at): EtcdMemberStatus => ({
      name,
      address: addressOf(peerURLs),
      isLearner,
      healthy: asked[at] !== undefined,
    }));
    return { etcdMembers, leader: members.find((member) => member.ID === leaderId)?.name };
  } catch {
    signal.throwIfAborted();
    return { etcdMembers: [], leader: undefined };
  }
}

function addressOf([url]: readonly string[]): string {
  return url === undefined ? "" : new URL(url).hostname;
}
