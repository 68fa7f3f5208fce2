import { dirname } from "node:path";
import { describeError } from "@cluster-os/std";
import type { ServerAddress } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { mountsBelow } from "../plan/mounts.ts";
import { CRI_SOCKET, PATHS, RUN_FOLDER, UNITS } from "../settings.ts";
import { attempt, kubeadm, systemctl, type Context } from "./context.ts";
import { KUBEADM_ETCD } from "./etcd.ts";
import { giveVoteBack } from "./give-vote-back.ts";
import { closeForwarding, knownPlacement } from "./machine.ts";

/** Where Kubernetes leaves things. The folders stay: some are mount points. */
export const FOLDERS = [
  PATHS.kubeletFolder,
  PATHS.kubeletAdditions,
  PATHS.kubernetes,
  PATHS.etcdFolder,
  PATHS.cniFolder,
  "/var/lib/cni",
  "/run/cni-ipam",
  // The kubelet counts restarts by the logs it finds.
  "/var/log/pods",
  "/var/log/containers",
] as const;

/** See {@link giveVoteBack}. */
export async function withdraw(
  context: Context,
  servers: readonly ServerAddress[],
  signal: AbortSignal,
): Promise<void> {
  const manifest = await context.host.readFile(`${PATHS.manifests}/etcd.yaml`);
  // The first server's etcd begins as a cluster of its own; a joined one's is told that it is none.
  if (!manifest?.includes("--initial-cluster-state=existing")) return;
  const start = (): Promise<void> => systemctl(context, "start", UNITS.kubelet, signal);
  const urlAt = (address: string): string => `https://${address}:2379`;
  await giveVoteBack(context, { etcd: KUBEADM_ETCD, urlAt, start }, servers, signal);
}

/** Wipes what init or join began. Images, the balancer and its list of servers stay. */
export async function reset(context: Context, signal: AbortSignal): Promise<void> {
  await systemctl(context, "stop", UNITS.kubelet, signal, 40_000);
  await stopPods(context, signal);
  await unmountBelow(context, PATHS.kubeletFolder, signal);
  for (const folder of FOLDERS) await context.host.empty(folder);
  await context.host.remove(RUN_FOLDER);
  // The next cluster may be of another version: its kubelet is what the package brings then.
  await context.host.remove(dirname(PATHS.kubelet));
  // The next cluster may give this machine another pod network, which the old bridge would not take.
  await attempt(context, "ip", ["link", "delete", "cni0"], signal);
  await forgetPlacement(context, signal);
}

/** Where this machine was placed, and what was opened for its pods. */
export async function forgetPlacement(context: Context, signal: AbortSignal): Promise<void> {
  if ((await context.host.readFile(PATHS.placement)) === undefined) return;
  await closeForwarding(context, await knownPlacement(context), signal);
  await context.host.remove(PATHS.placement);
}

/**
 * kubeadm's own reset removes the pods from the container runtime. It must not ask the cluster, which may be gone: its
 * etcd phase is left out, and the administrator's kubeconfig taken away. Nor is it believed: whatever it leaves is
 * wiped afterwards.
 */
async function stopPods(context: Context, signal: AbortSignal): Promise<void> {
  const args = ["reset", "--force", "--cri-socket", CRI_SOCKET, "--skip-phases=preflight,remove-etcd-member"];
  await context.host.remove(PATHS.adminKubeconfig);
  try {
    await kubeadm(context, "reset", args, signal, 50_000);
  } catch (error) {
    signal.throwIfAborted();
    context.logger.warn("kubeadm's reset did not get through, wiping on", { reason: describeError(error) });
  }
}

/** Volumes may hold somebody's data: a folder in which one is still mounted is not emptied. */
export async function unmountBelow(context: Context, folder: string, signal: AbortSignal): Promise<void> {
  const mounted = async (): Promise<readonly string[]> =>
    mountsBelow((await context.host.readFile("/proc/self/mountinfo")) ?? "", folder);
  for (const path of await mounted()) {
    const isGone = await attempt(context, "umount", [path], signal, 5000);
    if (!isGone) await attempt(context, "umount", ["--lazy", path], signal, 5000);
  }
  const [left] = await mounted();
  if (left !== undefined) {
    throw new KubernetesError(
      `${left} is still mounted, and wiping would reach into it. Unmount it; reset goes on then`,
    );
  }
}
