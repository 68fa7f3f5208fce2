import { KubernetesError } from "../errors.ts";
import type { NodePlacement } from "../distribution.ts";
import { firewallRules } from "../plan/firewall.ts";
import { StoredPlacement } from "../placement.ts";
import { renderCniConfig } from "../render/cni.ts";
import { renderContainerdConfig } from "../render/containerd.ts";
import { withApiName } from "../render/hosts.ts";
import { renderPatches } from "../render/patches.ts";
import { PATHS, UNITS } from "../settings.ts";
import { attempt, execute, systemctl, type Context } from "./context.ts";
import { installedVersion, kubeletVersion, linkKubelet, noteKubelet } from "./version.ts";

/** An import reads and writes some hundreds of megabytes; on a USB stick that takes its time. */
export const IMPORT_TIMEOUT_MS = 300_000;

type RuntimeContext = Pick<Context, "host">;

/** Container runtime and images: what needs no cluster yet. */
export async function prepareRuntime(context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const machine = await context.host.inspect();
  const isChanged = await context.host.writeFile(
    PATHS.containerdConfig,
    renderContainerdConfig(machine),
    0o644,
  );
  await systemctl(context, isChanged ? "restart" : "start", UNITS.containerd, signal);
  await systemctl(context, "start", UNITS.images, signal, IMPORT_TIMEOUT_MS);
}

/** What kubeadm and the kubelet it starts need besides. Repeating it changes nothing. */
export async function placeKubeadm(
  context: Context,
  placement: NodePlacement,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const patches = renderPatches(placement, await host.inspect(), host.patience);
  for (const [name, patch] of Object.entries(patches)) {
    await host.writeFile(`${PATHS.patches}/${name}`, patch, 0o644);
  }
  if ((await kubeletVersion(context)) === undefined) {
    await linkKubelet(context);
    await noteKubelet(context, await installedVersion(context));
  }
  // The kubelet watches this folder only if it is there when it starts; a later promotion puts files into it.
  await host.makeFolder(PATHS.manifests, 0o755);
  await placeMachine(context, placement, signal);
}

/** Everything on the machine, outside Kubernetes, that a node with this placement needs. Repeating it changes nothing. */
export async function placeMachine(
  context: Context,
  placement: NodePlacement,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  // Parsed, because a request carries credentials besides its placement.
  const stored = JSON.stringify(StoredPlacement.parse(placement), undefined, 2);
  await host.writeFile(PATHS.placement, `${stored}\n`, 0o644);
  await host.writeFile(PATHS.hosts, withApiName((await host.readFile(PATHS.hosts)) ?? ""), 0o644);
  // Before the kubelet starts: it takes any network it finds here, and a late one costs every pod a back-off.
  for (const name of await host.list(PATHS.cniFolder)) {
    if (`${PATHS.cniFolder}/${name}` !== PATHS.cniConfig) await host.remove(`${PATHS.cniFolder}/${name}`);
  }
  await host.writeFile(PATHS.cniConfig, renderCniConfig(placement), 0o644);
  await openForwarding(context, placement, signal);
}

async function openForwarding(
  context: Context,
  placement: NodePlacement,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  if (!(await host.setKernelParameter("net.ipv4.ip_forward", "1"))) {
    throw new KubernetesError("this kernel has no net.ipv4.ip_forward: pods could not reach other machines");
  }
  // Needed where pods of one machine talk through a Service. Built in or absent in some kernels, hence no error.
  await attempt(context, "modprobe", ["br_netfilter"], signal);
  await host.setKernelParameter("net.bridge.bridge-nf-call-iptables", "1");
  for (const { table, chain, match } of firewallRules(placement, context.meshInterface)) {
    const isThere = await attempt(context, "iptables", ["-w", "-t", table, "-C", chain, ...match], signal);
    if (!isThere) await execute(context, "iptables", ["-w", "-t", table, "-A", chain, ...match], signal);
  }
}

export async function closeForwarding(
  context: Context,
  placement: NodePlacement,
  signal: AbortSignal,
): Promise<void> {
  for (const { table, chain, match } of firewallRules(placement, context.meshInterface)) {
    await attempt(context, "iptables", ["-w", "-t", table, "-D", chain, ...match], signal);
  }
}

/** The placement this machine was last given; an error if it never was. */
export async function knownPlacement(context: Context): Promise<NodePlacement> {
  const content = await context.host.readFile(PATHS.placement);
  if (content === undefined) {
    throw new KubernetesError(
      `nothing of Kubernetes was begun on this machine (there is no ${PATHS.placement})`,
    );
  }
  return StoredPlacement.parse(JSON.parse(content));
}
