import { waitFor } from "@cluster-os/std/drivers";
import type { K3sServerCredentials } from "../../credentials.ts";
import type {
  InitServerRequest,
  JoinServerRequest,
  JoinWorkerRequest,
  NodePlacement,
} from "../../distribution.ts";
import { K3S, K3S_UNITS } from "../../k3s-settings.ts";
import { k3sServerCredentials, workerCredentials } from "../../plan/credentials.ts";
import { memberOf, withServer } from "../../plan/etcd.ts";
import { secureServerToken, secureToken } from "../../plan/k3s.ts";
import { renderAgentConfig, renderServerConfig } from "../../render/k3s.ts";
import { PATHS } from "../../settings.ts";
import { applyClusterDns } from "../cluster-dns.ts";
import type { Context } from "../context.ts";
import { readOwn } from "../credentials.ts";
import { KubeApi } from "../kube-api.ts";
import { ownApiServer } from "../own-api-server.ts";
import { adoptAccess, keepToken, newToken, openEtcd, placeK3s } from "./machine.ts";
import { agentAdmitted, startK3s, stopK3s } from "./unit.ts";

/** k3s looks every 15 s whether a learner has caught up, and removes one that has not within minutes. */
const VOTER_TIMEOUT_MS = 120_000;

export async function initServer(
  context: Context,
  request: InitServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const self = { nodeName: request.nodeName, address: request.meshAddress };
  await readyMachine(context, { ...request, servers: withServer(request.servers, self) }, signal);
  const serverToken = newToken(context);
  // The short form: the authority that the secure form names does not exist yet.
  await keepToken(context, K3S.serverToken, serverToken);
  await keepToken(context, K3S.agentToken, newToken(context));
  await host.writeFile(K3S.config, renderServerConfig(request, "found", host.patience), 0o600);
  await startK3s(context, "server", signal);
  await ownApiServer(context, request, signal, K3S.serverCa);
  await adoptAccess(context);
  // From its next start on, this server belongs to a cluster and never founds one.
  const ca = await readOwn(context, PATHS.caCertificate);
  await keepToken(context, K3S.serverToken, secureServerToken(ca, serverToken));
  await host.writeFile(K3S.config, renderServerConfig(request, "join", host.patience), 0o600);
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  await applyClusterDns(context, api, request.addressPlan, signal);
}

export async function joinServer(
  context: Context,
  request: JoinServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const credentials = k3sServerCredentials(request);
  await readyMachine(context, request, signal);
  await becomeServer(context, request, credentials, signal);
}

export async function joinWorker(
  context: Context,
  request: JoinWorkerRequest,
  signal: AbortSignal,
): Promise<void> {
  const credentials = workerCredentials(request, "k3s");
  await readyMachine(context, request, signal);
  await context.host.writeFile(PATHS.caCertificate, credentials.caCertificate, 0o644);
  await becomeWorker(context, request, secureToken(credentials.caCertificate, credentials.token), signal);
}

/** The node's name, its password, its containers stay: k3s starts again in the same folder, as a server. */
export async function promote(
  context: Context,
  request: JoinServerRequest,
  signal: AbortSignal,
): Promise<void> {
  const credentials = k3sServerCredentials(request);
  await readyMachine(context, request, signal);
  await stopK3s(context, "worker", signal);
  await becomeServer(context, request, credentials, signal);
  await context.host.remove(K3S.joinToken);
}

/** Makes this machine an agent with a token that is good for its first request; afterwards its certificate is. */
export async function becomeWorker(
  context: Context,
  placement: NodePlacement,
  token: string,
  signal: AbortSignal,
): Promise<void> {
  await keepToken(context, K3S.joinToken, token);
  await context.host.writeFile(K3S.config, renderAgentConfig(placement), 0o600);
  await startK3s(context, "worker", signal);
  await agentAdmitted(context, signal);
}

async function becomeServer(
  context: Context,
  request: JoinServerRequest,
  { caCertificate, serverToken, agentToken }: K3sServerCredentials,
  signal: AbortSignal,
): Promise<void> {
  await keepToken(context, K3S.serverToken, secureServerToken(caCertificate, serverToken));
  await keepToken(context, K3S.agentToken, agentToken);
  const config = renderServerConfig(request, "join", context.host.patience);
  await context.host.writeFile(K3S.config, config, 0o600);
  await startK3s(context, "server", signal);
  await ownApiServer(context, request, signal, K3S.serverCa);
  await adoptAccess(context);
  await becomeVoter(context, request, signal);
}

/** k3s joins as a learner, and the leader makes it a voter by itself. */
async function becomeVoter(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  const etcd = await openEtcd(context, placement);
  const self = { nodeName: placement.nodeName, address: placement.meshAddress };
  await waitFor(
    async () => {
      const members = await etcd.members(signal, 2000).catch(() => []);
      return memberOf(members, self)?.isLearner === false;
    },
    {
      what: `this machine's vote in etcd (see journalctl -u ${K3S_UNITS.server})`,
      timeoutMs: VOTER_TIMEOUT_MS * context.host.patience,
      everyMs: 200,
      signal,
    },
  );
}

/** Images and place are independent of each other. */
async function readyMachine(context: Context, placement: NodePlacement, signal: AbortSignal): Promise<void> {
  await Promise.all([
    context.prepare(signal),
    placeK3s(context, placement, signal).then(() => context.balancer.point(placement, signal)),
  ]);
}
