import { randomInteger, toBase64, toHex, type Rng } from "@cluster-os/std";
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
import { API_SERVER_PORT, PATHS, RUN_FOLDER } from "../settings.ts";
import { kubeadm, type Context } from "./context.ts";
import { KubeApi } from "./kube-api.ts";
import { balance, placeMachine } from "./machine.ts";

export async function initServer(
  context: Context,
  request: InitServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const { host, rng } = context;
  const self = { nodeName: request.nodeName, address: request.meshAddress };
  await readyMachine(context, { ...request, servers: withServer(request.servers, self) }, signal);
  await host.writeFile(PATHS.secretsEncryption, renderSecretsEncryption(toBase64(rng.bytes(32))), 0o600);
  await withSecretFile(context, "init.yaml", renderInitConfiguration(request, bootstrapToken(rng)), (path) =>
    kubeadm(context, "init", ["init", "--config", path], signal),
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
  await becomeServer(
    context,
    "promote",
    request,
    credentials,
    ["--skip-phases=preflight,kubelet-start"],
    signal,
  );
}

async function becomeServer(
  context: Context,
  act: string,
  request: JoinServerRequest,
  credentials: ServerCredentials,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await context.host.writeFile(
    PATHS.secretsEncryption,
    renderSecretsEncryption(credentials.secretsKey),
    0o600,
  );
  await kubeadmJoin(context, act, request, credentials, args, signal);
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
    withSecretFile(context, "join.yaml", renderJoinConfiguration(request, token, discovery, server), (path) =>
      kubeadm(context, act, ["join", "--config", path, ...args], signal),
    ),
  );
}

/** Runtime and place are independent of each other, and the images may still be on their way in. */
async function readyMachine(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  await Promise.all([
    context.prepare(signal),
    placeMachine(context, placement, signal).then(() => balance(context, placement.servers, signal)),
  ]);
}

/** Waits until this machine's own API server takes requests. */
async function ownApiServer(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  const { host } = context;
  const ca = (await host.readFile(PATHS.caCertificate)) ?? "";
  const url = `https://${placement.meshAddress}:${API_SERVER_PORT}/readyz`;
  await waitFor(
    async () => (await host.request({ method: "GET", url, ca, timeoutMs: 2000 }, signal)).status === 200,
    { what: `the API server at ${url}`, timeoutMs: 60_000, everyMs: 100, signal },
  );
}

function serverCredentials(request: JoinServerRequest): ServerCredentials {
  if (request.credentials.role === "server") return request.credentials;
  throw new KubernetesError(`${request.nodeName} has a worker's credentials and was told to be a server`);
}

/** Hands out the path of a file that exists only while `use` runs, readable by root alone. */
export async function withSecretFile<T>(
  { host }: Context,
  name: string,
  content: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = `${RUN_FOLDER}/${name}`;
  await host.makeFolder(RUN_FOLDER, 0o700);
  await host.writeFile(path, content, 0o600);
  try {
    return await use(path);
  } finally {
    await host.remove(path);
  }
}

/** A new bootstrap token: six characters that name it and sixteen that are secret. */
export function bootstrapToken(rng: Rng): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  const characters = Array.from({ length: 22 }, () =>
    alphabet.charAt(randomInteger(rng, alphabet.length)),
  ).join("");
  return `${characters.slice(0, 6)}.${characters.slice(6)}`;
}

/** A new key for the certificates that wait in the cluster for a server's join. */
export function certificateKey(rng: Rng): string {
  return toHex(rng.bytes(32));
}
