import type { Distribution, NodePlacement } from "../../distribution.ts";
import { KubernetesError } from "../../errors.ts";
import { K3S } from "../../k3s-settings.ts";
import { PROVIDERS } from "../../plan/choice.ts";
import { renderAgentConfig, renderServerConfig } from "../../render/k3s.ts";
import { PATHS } from "../../settings.ts";
import type { Context } from "../context.ts";
import { makeContext, RESET_TIMEOUT_MS, type DistributionOptions } from "../options.ts";
import { readStatus } from "../status.ts";
import { certificateState, renewCertificates } from "./certificates.ts";
import { issueKubeconfig, mintCredentials } from "./credentials.ts";
import { initServer, joinServer, joinWorker, promote } from "./join.ts";
import { demote, removeMember, removeVoter } from "./leave.ts";
import { adoptAccess, lookAtK3s, placeK3s, prepareK3s } from "./machine.ts";
import { halt, reset, withdraw } from "./reset.ts";
import { setAside } from "./set-aside.ts";
import { startK3sUnattended } from "./unit.ts";
import { readVersions, upgrade } from "./upgrade.ts";

/** What this driver leaves to k3s. */
const K3S_GUIDE = "see `k3s etcd-snapshot` and `k3s server --cluster-reset`, and docs/guides/k3s.md";

/** k3s: one program that is server or agent, with a container runtime and etcd of its own. */
export function k3sDistribution(options: DistributionOptions): Distribution {
  const context = makeContext(options, prepareK3s);
  return {
    name: "k3s",
    package: PROVIDERS.k3s.package,
    versions: () => readVersions(context),
    prepare: context.prepare,
    initServer: (request, signal) => initServer(context, request, signal),
    joinServer: (request, signal) => joinServer(context, request, signal),
    joinWorker: (request, signal) => joinWorker(context, request, signal),
    promote: (request, signal) => promote(context, request, signal),
    demote: (signal) => demote(context, signal),
    removeMember: (nodeName, signal) => removeMember(context, nodeName, signal),
    removeVoter: (nodeName, signal) => removeVoter(context, nodeName, signal),
    setAside: (signal) => setAside(context, signal),
    snapshot: () => Promise.reject(new KubernetesError(`snapshots of k3s are its own: ${K3S_GUIDE}`)),
    restore: () => Promise.reject(new KubernetesError(`k3s restores its etcd itself: ${K3S_GUIDE}`)),
    setServers: (placement) =>
      context.balancer.point(placement, AbortSignal.timeout(30_000 * options.host.patience)),
    credentials: (role, signal) => mintCredentials(context, role, signal),
    certificates: () => certificateState(context),
    renewCertificates: (signal) => renewCertificates(context, signal),
    // k3s makes its certificates anew whenever it starts, and has ended ones.
    kubeletAccess: () => Promise.resolve("good"),
    readmit: () => Promise.reject(new KubernetesError("k3s makes its own certificates when it starts")),
    endReadmission: () => Promise.resolve(),
    // k3s takes its images in itself, when it starts.
    loadImages: () => Promise.resolve(),
    upgrade: (part, signal) => upgrade(context, part, signal),
    status: async (signal) => readStatus(context, await lookAtK3s(context), signal),
    withdraw: (servers, signal) => withdraw(context, servers, signal),
    reset: (signal) =>
      reset(
        context,
        AbortSignal.any([signal, AbortSignal.timeout(RESET_TIMEOUT_MS * options.host.patience)]),
      ),
    halt: (signal) => halt(context, signal),
    adminKubeconfig: () => PATHS.adminKubeconfig,
    issueKubeconfig: (request, signal) => issueKubeconfig(context, request, signal),
    resume: (placement, signal) => resume(context, placement, signal),
  };
}

async function resume(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  const { kind } = await lookAtK3s(context);
  if (kind === "none") {
    throw new KubernetesError("nothing to resume: no Kubernetes was set up on this machine, or it was reset");
  }
  await context.prepare(signal);
  await placeK3s(context, placement, signal);
  await context.balancer.point(placement, signal);
  const config =
    kind === "server"
      ? renderServerConfig(placement, "join", context.host.patience)
      : renderAgentConfig(placement);
  const isChanged = await context.host.writeFile(K3S.config, config, 0o600);
  if (kind === "server") await adoptAccess(context);
  await startK3sUnattended(context, kind, isChanged ? "restart" : "start", signal);
}
