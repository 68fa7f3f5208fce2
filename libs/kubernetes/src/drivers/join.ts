import { toBase64 } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import type { KubeadmServerCredentials, WorkerCredentials } from "../credentials.ts";
import type {
  InitServerRequest,
  JoinServerRequest,
  JoinWorkerRequest,
  NodePlacement,
} from "../distribution.ts";
import { kubeadmServerCredentials, workerCredentials } from "../plan/credentials.ts";
import { withServer } from "../plan/etcd.ts";
import { renderDiscoveryKubeconfig } from "../render/discovery.ts";
import { renderInitConfiguration, renderJoinConfiguration } from "../render/kubeadm.ts";
import { renderSecretsEncryption } from "../render/secrets.ts";
import { LABELS_OF_SERVERS, PATHS } from "../settings.ts";
import { applyClusterDns } from "./cluster-dns.ts";
import { kubeadm, together, type Context } from "./context.ts";
import { joinEtcd } from "./etcd-join.ts";
import { ownApiServer } from "./own-api-server.ts";
import { KubeApi } from "./kube-api.ts";
import { pointKubeletAtBalancer } from "./leave.ts";
import { placeKubeadm } from "./machine.ts";
import { bootstrapToken, withSecretFile } from "./secret-files.ts";
import { installedVersion } from "./version.ts";

const LABELS_TIMEOUT_MS = 120_000;

export async function initServer(
  context: Context,
  request: InitServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const { host, rng } = context;
  const self = { nodeName: request.nodeName, address: request.meshAddress };
  await readyMachine(context, { ...request, servers: withServer(request.servers, self) }, signal);
  await host.writeFile(PATHS.secretsEncryption, renderSecretsEncryption(toBase64(rng.bytes(32))), 0o600);
  await withSecretFile(
    context,
    "init.yaml",
    renderInitConfiguration(
      await installedVersion(context),
      request,
      bootstrapToken(rng),
      host.patience,
      context.certificateLifeMs,
    ),
    (path) =>
      together(
        signal,
        (both) => kubeadm(context, "init", ["init", "--config", path], both),
        (both) => registerEarly(context, request, path, both),
      ),
  );
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  await applyClusterDns(context, api, request.addressPlan, signal);
}

export async function joinWorker(
  context: Context,
  request: JoinWorkerRequest,
  signal: AbortSignal,
): Promise<void> {
  const credentials = workerCredentials(request, "kubeadm");
  await readyMachine(context, request, signal);
  await kubeadmJoin(context, "join-worker", request, credentials, [], signal);
}

export async function joinServer(
  context: Context,
  request: JoinServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const credentials = kubeadmServerCredentials(request);
  await readyMachine(context, request, signal);
  await becomeServer(context, "join-server", request, credentials, [], signal);
}

/**
 * The kubelet asks to be registered at growing intervals, up to seven seconds, and kubeadm waits for it; so it is
 * started afresh as soon as there is an API to ask. That restart is due anyway: it is what kubeadm's last phase but one
 * ends with, after making the kubelet use a certificate that renews itself.
 */
async function registerEarly(
  context: Context,
  placement: NodePlacement,
  configPath: string,
  signal: AbortSignal,
): Promise<void> {
  await ownApiServer(context, placement, signal);
  await kubeadm(
    context,
    "init-kubelet",
    ["init", "phase", "kubelet-finalize", "all", "--config", configPath],
    signal,
  );
}

/**
 * The worker's kubelet, certificate, pods and network stay: kubeadm's join runs without the phases that would make
 * them, which refuse a node that is already there.
 */
export async function promote(
  context: Context,
  request: JoinServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const credentials = kubeadmServerCredentials(request);
  await readyMachine(context, request, signal);
  await becomeServer(context, "promote", request, credentials, ["preflight", "kubelet-start"], signal);
}

async function becomeServer(
  context: Context,
  act: string,
  request: JoinServerRequest,
  credentials: KubeadmServerCredentials,
  skipped: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  await host.writeFile(PATHS.secretsEncryption, renderSecretsEncryption(credentials.secretsKey), 0o600);
  // kubeadm's look at etcd's health would take this machine's unfinished member for a sick one.
  const phases = [...skipped, "check-etcd", "etcd-join", "control-plane-join", "wait-control-plane"];
  await together(
    signal,
    (both) => kubeadmJoin(context, act, request, credentials, [`--skip-phases=${phases.join(",")}`], both),
    (both) => joinEtcd(context, request, both),
  );
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  const labels = Object.fromEntries(LABELS_OF_SERVERS.map((label) => [label, ""]));
  // This machine has a vote now, which it would have to give back to begin again: an API that is slow is waited for.
  await waitFor(() => api.patchNode(request.nodeName, { metadata: { labels } }, signal).then(() => true), {
    what: "the API's consent to this server's labels",
    timeoutMs: LABELS_TIMEOUT_MS * host.patience,
    everyMs: 500 * host.patience,
    signal,
  });
  await ownApiServer(context, request, signal);
  // From Kubernetes 1.35 on kubeadm binds it to this machine's own API server, with which it would fall.
  await pointKubeletAtBalancer(context, request.meshAddress, signal);
}

async function kubeadmJoin(
  context: Context,
  act: string,
  placement: NodePlacement,
  credentials: KubeadmServerCredentials | WorkerCredentials,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { token, caCertificate } = credentials;
  const server = credentials.role === "server" ? credentials : undefined;
  await withSecretFile(context, "discovery.conf", renderDiscoveryKubeconfig(caCertificate), (discovery) =>
    withSecretFile(
      context,
      "join.yaml",
      renderJoinConfiguration(placement, token, discovery, server, context.host.patience),
      (path) => kubeadm(context, act, ["join", "--config", path, ...args], signal),
    ),
  );
}

/** Runtime and place are independent of each other, and the images may still be on their way in. */
async function readyMachine(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  await Promise.all([
    context.prepare(signal),
    placeKubeadm(context, placement, signal).then(() => context.balancer.point(placement, signal)),
  ]);
}
