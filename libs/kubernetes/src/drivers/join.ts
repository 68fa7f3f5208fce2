import { toBase64 } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import type { ServerCredentials } from "../credentials.ts";
import type {
  InitServerRequest,
  JoinServerRequest,
  JoinWorkerRequest,
  NodePlacement,
} from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { withServer } from "../plan/etcd.ts";
import { renderClusterDns } from "../render/coredns.ts";
import { renderDiscoveryKubeconfig } from "../render/discovery.ts";
import { renderInitConfiguration, renderJoinConfiguration } from "../render/kubeadm.ts";
import { renderSecretsEncryption } from "../render/secrets.ts";
import { API_SERVER_PORT, LABELS_OF_SERVERS, PATHS } from "../settings.ts";
import { kubeadm, together, type Context } from "./context.ts";
import { joinEtcd } from "./etcd-join.ts";
import { KubeApi } from "./kube-api.ts";
import { placeMachine } from "./machine.ts";
import { bootstrapToken, withSecretFile } from "./secret-files.ts";

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
    renderInitConfiguration(request, bootstrapToken(rng), context.host.patience),
    (path) =>
      together(
        signal,
        (both) => kubeadm(context, "init", ["init", "--config", path], both),
        (both) => registerEarly(context, request, path, both),
      ),
  );
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  const { nameservers } = await host.inspect();
  for (const object of renderClusterDns(request.addressPlan, nameservers)) await api.apply(object, signal);
}

export async function joinWorker(
  context: Context,
  request: JoinWorkerRequest,
  signal: AbortSignal,
): Promise<void> {
  await readyMachine(context, request, signal);
  await kubeadmJoin(context, "join-worker", request, undefined, [], signal);
}

export async function joinServer(
  context: Context,
  request: JoinServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const credentials = serverCredentials(request);
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
  const credentials = serverCredentials(request);
  await readyMachine(context, request, signal);
  await becomeServer(context, "promote", request, credentials, ["preflight", "kubelet-start"], signal);
}

async function becomeServer(
  context: Context,
  act: string,
  request: JoinServerRequest,
  credentials: ServerCredentials,
  skipped: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  await host.writeFile(PATHS.secretsEncryption, renderSecretsEncryption(credentials.secretsKey), 0o600);
  // kubeadm's look at etcd's health would take this machine's unfinished member for a sick one.
  const phases = [...skipped, "check-etcd", "control-plane-join", "wait-control-plane"];
  await together(
    signal,
    (both) => kubeadmJoin(context, act, request, credentials, [`--skip-phases=${phases.join(",")}`], both),
    (both) => joinEtcd(context, request, both),
  );
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  const labels = Object.fromEntries(LABELS_OF_SERVERS.map((label) => [label, ""]));
  await api.patchNode(request.nodeName, { metadata: { labels } }, signal);
  await ownApiServer(context, request, signal);
}

async function kubeadmJoin(
  context: Context,
  act: string,
  request: JoinWorkerRequest,
  server: ServerCredentials | undefined,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { token, caCertificate } = request.credentials;
  await withSecretFile(context, "discovery.conf", renderDiscoveryKubeconfig(caCertificate), (discovery) =>
    withSecretFile(
      context,
      "join.yaml",
      renderJoinConfiguration(request, token, discovery, server, context.host.patience),
      (path) => kubeadm(context, act, ["join", "--config", path, ...args], signal),
    ),
  );
}

/** Runtime and place are independent of each other, and the images may still be on their way in. */
async function readyMachine(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  await Promise.all([
    context.prepare(signal),
    placeMachine(context, placement, signal).then(() => context.balancer.point(placement.servers, signal)),
  ]);
}

/** Waits until this machine's own API server takes requests. */
async function ownApiServer(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  const { host } = context;
  const url = `https://${placement.meshAddress}:${API_SERVER_PORT}/readyz`;
  await waitFor(
    async () => {
      const ca = await host.readFile(PATHS.caCertificate);
      return (
        ca !== undefined &&
        (await host.request({ method: "GET", url, ca, timeoutMs: 2000 }, signal)).status === 200
      );
    },
    { what: `the API server at ${url}`, timeoutMs: 120_000 * host.patience, everyMs: 100, signal },
  );
}

function serverCredentials(request: JoinServerRequest): ServerCredentials {
  if (request.credentials.role === "server") return request.credentials;
  throw new KubernetesError(`${request.nodeName} has a worker's credentials and was told to be a server`);
}
