import { waitFor } from "@cluster-os/std/drivers";
import { UNITS } from "../settings.ts";
import { runningTasks } from "./containers.ts";
import { attempt, systemctl, type Context } from "./context.ts";

/** How long what runs in pods has to end by itself. */
const GRACE_MS = 10_000;

/** Ends the kubelet and what it started, etcd and the API server included. All files stay as they are. */
export async function halt(context: Context, signal: AbortSignal): Promise<void> {
  await systemctl(context, "stop", UNITS.kubelet, signal, 40_000);
  await endTasks(context, "SIGTERM", signal);
  const isOver = await allEnded(context, GRACE_MS * context.host.patience, signal).then(
    () => true,
    () => false,
  );
  signal.throwIfAborted();
  if (isOver) return;
  await endTasks(context, "SIGKILL", signal);
  await allEnded(context, GRACE_MS * context.host.patience, signal);
}

async function endTasks(context: Context, kind: "SIGTERM" | "SIGKILL", signal: AbortSignal): Promise<void> {
  for (const id of await runningTasks(context, signal)) {
    await attempt(context, "ctr", ["-n", "k8s.io", "tasks", "kill", "--all", "--signal", kind, id], signal);
  }
}

async function allEnded(context: Context, timeoutMs: number, signal: AbortSignal): Promise<void> {
  await waitFor(async () => (await runningTasks(context, signal)).length === 0, {
    what: "the end of all containers on this machine",
    timeoutMs,
    everyMs: 200,
    signal,
  });
}
