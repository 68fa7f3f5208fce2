import { parse } from "yaml";
import { z } from "zod";
import type { KubernetesVersions, UpgradePart } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { compareVersions, imageTag } from "../plan/versions.ts";
import { withoutLockedGates } from "../render/feature-gates.ts";
import { renderUpgradeConfiguration } from "../render/upgrade.ts";
import { PATHS, UNITS } from "../settings.ts";
import { kubeadm, systemctl, type Context } from "./context.ts";
import { KubeApi } from "./kube-api.ts";
import { IMPORT_TIMEOUT_MS, knownPlacement, placeKubeadm } from "./machine.ts";
import { ownApiServer } from "./own-api-server.ts";
import { ownEtcd } from "./own-etcd.ts";
import { withSecretFile } from "./secret-files.ts";
import { installedVersion, kubeletVersion, linkKubelet, noteKubelet } from "./version.ts";

/**
 * There while an upgrade of this server's control plane is under way: what is upgraded, and by which of kubeadm's commands. In the
 * folder of keys, because there is none on a machine that is a server no more.
 */
const UPGRADE_UNDER_WAY = `${PATHS.kubernetes}/pki/upgrade.json`;
const UnderWay = z.object({ from: z.string(), verb: z.enum(["apply", "node"]) });
type UnderWay = z.infer<typeof UnderWay>;

/** kubeadm waits five minutes for each of four pods at most. */
const KUBEADM_TIMEOUT_MS = 1_300_000;

/** Where kubeadm puts copies of etcd's data and the manifests of before. */
const BACKUPS = `${PATHS.kubernetes}/tmp`;

/** Where kubeadm keeps what all servers have in common. */
const CONFIGURATION = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
const KubeadmConfig = z.object({ data: z.object({ ClusterConfiguration: z.string() }) });
const ClusterConfiguration = z.object({ kubernetesVersion: z.string() });

/** See {@link Distribution.versions}. */
export async function readVersions(context: Context): Promise<KubernetesVersions> {
  const underWay = await readUnderWay(context);
  return {
    installed: await installedVersion(context),
    controlPlane: underWay?.from ?? (await manifestVersion(context)),
    kubelet: await kubeletVersion(context),
  };
}

/** See {@link Distribution.upgrade}. */
export async function upgrade(context: Context, part: UpgradePart, signal: AbortSignal): Promise<void> {
  const { installed, controlPlane, kubelet } = await readVersions(context);
  for (const running of [controlPlane, kubelet])
    if (running !== undefined && compareVersions(running, installed) > 0)
      throw new KubernetesError(
        `${running} runs here, and the package brings ${installed}: Kubernetes does not go back`,
      );
  if (part === "kubelet") {
    if (kubelet !== installed) await upgradeKubelet(context, installed, signal);
  } else if (controlPlane !== undefined && controlPlane !== installed) {
    await upgradeControlPlane(context, { from: controlPlane, to: installed }, signal);
  }
}

/** The first server of all changes what the cluster has in common, too. */
async function upgradeControlPlane(
  context: Context,
  { from, to }: { readonly from: string; readonly to: string },
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const placement = await knownPlacement(context);
  await loadImages(context, signal);
  await placeKubeadm(context, placement, signal);
  const { verb } = (await readUnderWay(context)) ?? (await begin(context, from, to, signal));
  if (verb === "apply") await dropLockedGates(context, to, signal);
  await runKubeadm(context, { part: "control-plane", verb, version: to }, signal);
  await ownEtcd(context, placement.nodeName, signal);
  await ownApiServer(context, placement, signal);
  await host.remove(BACKUPS);
  await host.remove(UPGRADE_UNDER_WAY);
}

/**
 * Once the cluster says the new version, the first server would take itself for another one when it goes on after a loss of power: so
 * what it is is written down.
 */
async function begin(context: Context, from: string, to: string, signal: AbortSignal): Promise<UnderWay> {
  const verb = (await versionInCommon(context, signal)) === to ? "node" : "apply";
  await context.host.writeFile(UPGRADE_UNDER_WAY, JSON.stringify({ from, verb } satisfies UnderWay), 0o600);
  return { from, verb };
}

async function upgradeKubelet(context: Context, version: string, signal: AbortSignal): Promise<void> {
  await loadImages(context, signal);
  await placeKubeadm(context, await knownPlacement(context), signal);
  await runKubeadm(context, { part: "kubelet", verb: "node", version }, signal);
  await linkKubelet(context);
  await systemctl(context, "restart", UNITS.kubelet, signal);
  await noteKubelet(context, version);
}

/** See {@link Distribution.loadImages}. The unit imports what it has not imported yet, but only when it starts. */
export async function loadImages(context: Context, signal: AbortSignal): Promise<void> {
  await systemctl(context, "restart", UNITS.images, signal, IMPORT_TIMEOUT_MS);
}

async function runKubeadm(
  context: Context,
  { part, verb, version }: { readonly part: UpgradePart; readonly version: string } & Pick<UnderWay, "verb">,
  signal: AbortSignal,
): Promise<void> {
  const configuration = renderUpgradeConfiguration(version, part, context.host.patience);
  await withSecretFile(context, "upgrade.yaml", configuration, (path) =>
    kubeadm(context, `upgrade-${part}`, ["upgrade", verb, "--config", path], signal, KUBEADM_TIMEOUT_MS),
  );
}

async function readUnderWay({ host }: Context): Promise<UnderWay | undefined> {
  const text = await host.readFile(UPGRADE_UNDER_WAY);
  return text === undefined ? undefined : UnderWay.parse(JSON.parse(text));
}

/** Of the API server, as its manifest says; undefined on a worker. */
async function manifestVersion({ host }: Context): Promise<string | undefined> {
  const manifest = await host.readFile(`${PATHS.manifests}/kube-apiserver.yaml`);
  return manifest === undefined ? undefined : imageTag(manifest);
}

/** What the cluster's servers are to run, as kubeadm keeps it in the API. */
async function versionInCommon({ host }: Context, signal: AbortSignal): Promise<string> {
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  return ClusterConfiguration.parse(parse(await configurationInCommon(api, signal))).kubernetesVersion;
}

/** Before kubeadm of the new version reads them. Those of the old one do without: a server then joins some seconds later. */
async function dropLockedGates({ host }: Context, version: string, signal: AbortSignal): Promise<void> {
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  const text = withoutLockedGates(await configurationInCommon(api, signal), version);
  if (text !== undefined) await api.patch(CONFIGURATION, { data: { ClusterConfiguration: text } }, signal);
}

async function configurationInCommon(api: KubeApi, signal: AbortSignal): Promise<string> {
  const found = await api.read(CONFIGURATION, signal);
  if (found === undefined)
    throw new KubernetesError("the cluster has no ConfigMap kube-system/kubeadm-config");
  return KubeadmConfig.parse(found).data.ClusterConfiguration;
}
