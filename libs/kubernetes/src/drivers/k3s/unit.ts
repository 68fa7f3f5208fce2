import { describeError } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { KubernetesError } from "../../errors.ts";
import { K3S, K3S_UNITS } from "../../k3s-settings.ts";
import { execute, systemctl, type Context } from "../context.ts";

/** k3s unpacks itself, imports images and makes certificates before it says that it is up. */
export const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 100_000;

/** Starts k3s as one of its two kinds; the unit says so when it is up. */
export async function startK3s(
  context: Context,
  kind: keyof typeof K3S_UNITS,
  signal: AbortSignal,
): Promise<void> {
  const unit = K3S_UNITS[kind];
  try {
    await systemctl(context, "start", unit, signal, START_TIMEOUT_MS);
  } catch (error) {
    signal.throwIfAborted();
    // Left alone it would try on for ever, also while the machine is made something else.
    await stopK3s(context, kind, signal).catch((cause: unknown) => {
      context.logger.warn("k3s could not be stopped either", { unit, reason: describeError(cause) });
    });
    throw error;
  }
}

/** The same without waiting: after a loss of power, a server is up only once a majority of them is. */
export async function startK3sUnattended(
  context: Context,
  kind: keyof typeof K3S_UNITS,
  verb: "start" | "restart",
  signal: AbortSignal,
): Promise<void> {
  await execute(context, "systemctl", ["--no-block", verb, K3S_UNITS[kind]], signal);
}

/** Stops k3s; the pods it started run on. */
export async function stopK3s(
  context: Context,
  kind: keyof typeof K3S_UNITS,
  signal: AbortSignal,
): Promise<void> {
  await systemctl(context, "stop", K3S_UNITS[kind], signal, STOP_TIMEOUT_MS);
}

/** Waits until the agent has a certificate of the cluster for its kubelet. */
export async function agentAdmitted({ host }: Context, signal: AbortSignal): Promise<void> {
  const paths = [`${K3S.agent}/client-kubelet.crt`, `${K3S.agent}/kubelet.kubeconfig`];
  try {
    await waitFor(
      async () =>
        (await Promise.all(paths.map((path) => host.readFile(path)))).every((file) => file !== undefined),
      { what: "the kubelet's certificate", timeoutMs: 120_000 * host.patience, everyMs: 200, signal },
    );
  } catch (cause) {
    signal.throwIfAborted();
    throw new KubernetesError(
      `k3s' agent was not let into the cluster; "journalctl -u ${K3S_UNITS.worker}" says why`,
      { cause },
    );
  }
}
