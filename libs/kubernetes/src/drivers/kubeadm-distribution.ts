import type { Distribution } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { PROVIDERS } from "../plan/choice.ts";
import { PATHS, UNITS } from "../settings.ts";
import { certificateState, renewCertificates } from "./certificates.ts";
import { systemctl } from "./context.ts";
import { issueKubeconfig, mintCredentials } from "./credentials.ts";
import { KUBEADM_ETCD, saveSnapshot } from "./etcd.ts";
import { halt } from "./halt.ts";
import { initServer, joinServer, joinWorker, promote } from "./join.ts";
import { endReadmission, kubeletAccess, readmit } from "./kubelet-access.ts";
import { demote, removeMember, removeVoter } from "./leave.ts";
import { placeKubeadm, prepareRuntime } from "./machine.ts";
import { makeContext, RESET_TIMEOUT_MS, type DistributionOptions } from "./options.ts";
import { reset, withdraw } from "./reset.ts";
import { restore } from "./restore.ts";
import { setAside } from "./set-aside.ts";
import { lookAtMachine, readStatus } from "./status.ts";
import { loadImages, readVersions, upgrade } from "./upgrade.ts";

/** Upstream Kubernetes by kubeadm: static pods on servers, a kubelet and a balancer everywhere. */
export function kubeadmDistribution(options: DistributionOptions): Distribution {
  const context = makeContext(options, prepareRuntime);
  const { balancer, prepare } = context;
  return {
    name: "kubeadm",
    package: PROVIDERS.kubeadm.package,
    versions: () => readVersions(context),
    prepare,
    initServer: (request, signal) => initServer(context, request, signal),
    joinServer: (request, signal) => joinServer(context, request, signal),
    joinWorker: (request, signal) => joinWorker(context, request, signal),
    promote: (request, signal) => promote(context, request, signal),
    demote: (signal) => demote(context, signal),
    removeMember: (nodeName, signal) => removeMember(context, nodeName, signal),
    removeVoter: (nodeName, signal) => removeVoter(context, nodeName, signal),
    setAside: (signal) => setAside(context, signal),
    snapshot: (path, signal) => saveSnapshot(context, KUBEADM_ETCD, path, signal),
    restore: (request, signal) => restore(context, request, signal),
    setServers: (placement) => balancer.point(placement, AbortSignal.timeout(30_000 * options.host.patience)),
    credentials: (role, signal) => mintCredentials(context, role, signal),
    certificates: () => certificateState(context),
    renewCertificates: (signal) => renewCertificates(context, signal),
    kubeletAccess: () => kubeletAccess(context),
    readmit: (request, signal) => readmit(context, request, signal),
    endReadmission: () => endReadmission(context),
    loadImages: (signal) => loadImages(context, signal),
    upgrade: (part, signal) => upgrade(context, part, signal),
    status: async (signal) => readStatus(context, await lookAtMachine(context), signal),
    withdraw: (servers, signal) => withdraw(context, servers, signal),
    reset: (signal) =>
      reset(
        context,
        AbortSignal.any([signal, AbortSignal.timeout(RESET_TIMEOUT_MS * options.host.patience)]),
      ),
    halt: (signal) => halt(context, signal),
    adminKubeconfig: () => PATHS.adminKubeconfig,
    issueKubeconfig: (request, signal) => issueKubeconfig(context, request, signal),
    resume: async (placement, signal) => {
      if ((await lookAtMachine(context)).kind === "none") {
        throw new KubernetesError(
          "nothing to resume: no Kubernetes was set up on this machine, or it was reset",
        );
      }
      await prepare(signal);
      await placeKubeadm(context, placement, signal);
      await balancer.point(placement, signal);
      await systemctl(context, "start", UNITS.kubelet, signal);
    },
  };
}
