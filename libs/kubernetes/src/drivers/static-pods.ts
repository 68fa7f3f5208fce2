import { waitFor } from "@cluster-os/std/drivers";
import { CONTROL_PLANE_PODS, PATHS, UNITS } from "../settings.ts";
import { runningContainers } from "./containers.ts";
import { attempt, systemctl, type Context } from "./context.ts";

/** Takes the manifests away, and waits until the kubelet has ended the containers. */
export async function stopPods(
  context: Context,
  pods: readonly (typeof CONTROL_PLANE_PODS)[number][],
  signal: AbortSignal,
): Promise<void> {
  for (const pod of pods) await context.host.remove(`${PATHS.manifests}/${pod}.yaml`);
  await waitFor(async () => (await runningContainers(context, pods, signal)).length === 0, {
    what: `the end of ${pods.join(", ")} on this machine`,
    timeoutMs: 60_000 * context.host.patience,
    everyMs: 100,
    signal,
  });
}

/**
 * Ends a control plane whose etcd answers nobody any more. Its API server has nothing left to finish, and would wait for etcd as
 * long as it is let, which is half a minute.
 */
export async function stopControlPlane(context: Context, signal: AbortSignal): Promise<void> {
  const apiServer = "kube-apiserver";
  await context.host.remove(`${PATHS.manifests}/${apiServer}.yaml`);
  // Without the kubelet nobody would end them.
  await systemctl(context, "start", UNITS.kubelet, signal);
  // Once these have ended, the kubelet knows that the API server is to end, too, and starts it no more.
  const others = CONTROL_PLANE_PODS.filter((pod) => pod !== apiServer);
  await stopPods(context, others, signal);
  for (const id of await runningContainers(context, [apiServer], signal)) {
    await attempt(context, "ctr", ["-n", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", id], signal);
  }
  await stopPods(context, [apiServer], signal);
}
