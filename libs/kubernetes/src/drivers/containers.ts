import { execute, type Context } from "./context.ts";

/** IDs of the running containers of these static pods. A user's own container may be called `etcd` as well. */
export async function runningContainers(
  context: Context,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ofControlPlane = 'labels."io.kubernetes.pod.namespace"==kube-system';
  const filters = names.map((name) => `${ofControlPlane},labels."io.kubernetes.container.name"==${name}`);
  const known = await execute(
    context,
    "ctr",
    ["-n", "k8s.io", "containers", "list", "--quiet", ...filters],
    signal,
  );
  const running = new Set(await runningTasks(context, signal));
  return known.split("\n").filter((id) => running.has(id));
}

/** IDs of all running containers, those that only hold a pod's namespaces included. */
export async function runningTasks(context: Context, signal: AbortSignal): Promise<readonly string[]> {
  const tasks = await execute(context, "ctr", ["-n", "k8s.io", "tasks", "list"], signal);
  return tasks
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => state === "RUNNING")
    .map(([id = ""]) => id);
}
