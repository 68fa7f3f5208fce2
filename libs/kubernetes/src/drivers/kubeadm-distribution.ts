import type { Clock, Logger, Rng } from "@cluster-os/std";
import type { Distribution } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { KUBERNETES_VERSION, PATHS, UNITS } from "../settings.ts";
import { Balancer } from "./balancer.ts";
import { systemctl, type Context } from "./context.ts";
import { issueKubeconfig, mintCredentials } from "./credentials.ts";
import type { Host } from "./host.ts";
import { initServer, joinServer, joinWorker, promote } from "./join.ts";
import { demote, removeMember } from "./leave.ts";
import { placeMachine, prepareRuntime } from "./machine.ts";
import { reset } from "./reset.ts";
import { kindOfMachine, readStatus } from "./status.ts";

export interface KubeadmOptions {
  readonly host: Host;
  readonly clock: Clock;
  /** Makes tokens and keys: has to be the kernel's outside of tests. */
  readonly rng: Rng;
  readonly logger: Logger;
  /** The mesh's interface, `cos0`. */
  readonly meshInterface: string;
}

/** However much hangs on the machine, a reset comes to an end, and may be tried again. */
const RESET_TIMEOUT_MS = 120_000;

/** Upstream Kubernetes by kubeadm: static pods on servers, a kubelet and a balancer everywhere. */
export function kubeadmDistribution(options: KubeadmOptions): Distribution {
  const balancer = new Balancer(options.host);
  // Kept once it got through: systemd sees to it from then on, and callers ask at every turn.
  let prepared: Promise<void> | undefined;
  const prepare = (signal: AbortSignal): Promise<void> => {
    prepared ??= prepareRuntime(options, signal).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  };
  const context: Context = { ...options, balancer, prepare };
  return {
    name: "kubeadm",
    version: KUBERNETES_VERSION,
    prepare,
    initServer: (request, signal) => initServer(context, request, signal),
    joinServer: (request, signal) => joinServer(context, request, signal),
    joinWorker: (request, signal) => joinWorker(context, request, signal),
    promote: (request, signal) => promote(context, request, signal),
    demote: (signal) => demote(context, signal),
    removeMember: (nodeName, signal) => removeMember(context, nodeName, signal),
    setServers: (servers) => balancer.point(servers, AbortSignal.timeout(30_000 * options.host.patience)),
    credentials: (role, signal) => mintCredentials(context, role, signal),
    status: (signal) => readStatus(context, signal),
    reset: (signal) =>
      reset(
        context,
        AbortSignal.any([signal, AbortSignal.timeout(RESET_TIMEOUT_MS * options.host.patience)]),
      ),
    adminKubeconfig: () => PATHS.adminKubeconfig,
    issueKubeconfig: (request, signal) => issueKubeconfig(context, request, signal),
    resume: async (placement, signal) => {
      if ((await kindOfMachine(context)) === "none") {
        throw new KubernetesError(
          "nothing to resume: no Kubernetes was set up on this machine, or it was reset",
        );
      }
      await prepare(signal);
      await placeMachine(context, placement, signal);
      await balancer.point(placement.servers, signal);
      await systemctl(context, "start", UNITS.kubelet, signal);
    },
  };
}
