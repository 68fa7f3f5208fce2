import { toHex } from "@cluster-os/std";
import type { NodePlacement } from "../../distribution.ts";
import { KubernetesError } from "../../errors.ts";
import { K3S, K3S_UNITS } from "../../k3s-settings.ts";
import { memberUrl, seenAsNode } from "../../plan/k3s.ts";
import { renderKubeletDropIn, renderResolvConf } from "../../render/k3s.ts";
import { API_URL, PATHS } from "../../settings.ts";
import { execute, type Context } from "../context.ts";
import { Etcd, type EtcdAccess } from "../etcd.ts";
import { knownPlacement, placeMachine } from "../machine.ts";
import type { Look } from "../status.ts";

/** Gigabytes may be copied, from a USB stick too. */
const IMAGES_TIMEOUT_MS = 300_000;

/** k3s brings its own container runtime and imports images itself: all there is to do is to lay them out. */
export async function prepareK3s(context: Pick<Context, "host">, signal: AbortSignal): Promise<void> {
  await execute(context, K3S.linkImages, [K3S.images, ...K3S.packagedImages], signal, IMAGES_TIMEOUT_MS);
}

/** Everything k3s finds on a machine with this placement, but for its configuration. Repeating it changes nothing. */
export async function placeK3s(
  context: Context,
  placement: NodePlacement,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const facts = await host.inspect();
  await host.writeFile(K3S.kubeletDropIn, renderKubeletDropIn(placement, facts, host.patience), 0o644);
  await host.writeFile(K3S.resolvConf, renderResolvConf(facts), 0o644);
  await placeMachine(context, placement, signal);
}

/** Keeps a token where only root, and k3s, reads it. */
export async function keepToken({ host }: Context, path: string, token: string): Promise<void> {
  await host.makeFolder(K3S.tokens, 0o700);
  await host.writeFile(path, `${token}\n`, 0o600);
}

export function newToken({ rng }: Context): string {
  return toHex(rng.bytes(32));
}

/**
 * Puts the administrator's access and the authority's certificate where every distribution has them. k3s' own file leads
 * to this machine's API server alone; this one leads to whichever answers.
 */
export async function adoptAccess({ host }: Context): Promise<void> {
  const [kubeconfig, ca] = await Promise.all([host.readFile(K3S.kubeconfig), host.readFile(K3S.serverCa)]);
  if (kubeconfig === undefined || ca === undefined) {
    throw new KubernetesError(
      `k3s serves, but has not written ${kubeconfig === undefined ? K3S.kubeconfig : K3S.serverCa}`,
    );
  }
  await host.writeFile(
    PATHS.adminKubeconfig,
    kubeconfig.replace(/^(\s*server:\s*).*$/m, `$1${API_URL}`),
    0o600,
  );
  await host.writeFile(PATHS.caCertificate, ca, 0o644);
}

/** How this server's own member of etcd is asked. */
export function etcdAccess(placement: Pick<NodePlacement, "meshAddress">): EtcdAccess {
  return {
    url: memberUrl(placement.meshAddress),
    ca: `${K3S.etcdPki}/server-ca.crt`,
    certificate: `${K3S.etcdPki}/client.crt`,
    key: `${K3S.etcdPki}/client.key`,
    seenAs: seenAsNode,
  };
}

/** etcd as this server has its keys. */
export async function openEtcd(
  { host }: Context,
  placement: Pick<NodePlacement, "meshAddress">,
): Promise<Etcd> {
  const etcd = await Etcd.open(host, etcdAccess(placement));
  if (etcd) return etcd;
  throw new KubernetesError("only a control-plane server can do this: this machine has no etcd");
}

/** A server has the token that servers share, a worker the one it joined by. */
export async function lookAtK3s(context: Context): Promise<Look> {
  const { host } = context;
  const isServer = (await host.readFile(K3S.serverToken)) !== undefined;
  const isWorker = !isServer && (await host.readFile(K3S.joinToken)) !== undefined;
  if (!isServer && !isWorker)
    return { kind: "none", unit: K3S_UNITS.worker, etcd: etcdAccess({ meshAddress: "" }) };
  return {
    kind: isServer ? "server" : "worker",
    unit: isServer ? K3S_UNITS.server : K3S_UNITS.worker,
    etcd: etcdAccess(await knownPlacement(context)),
  };
}
