import type { KubernetesVersions, UpgradePart } from "../../distribution.ts";
import { K3S } from "../../k3s-settings.ts";
import { systemctl, type Context } from "../context.ts";
import { knownPlacement } from "../machine.ts";
import { ownApiServer } from "../own-api-server.ts";
import { installedVersion } from "../version.ts";
import { adoptAccess, lookAtK3s, prepareK3s } from "./machine.ts";
import { START_TIMEOUT_MS } from "./unit.ts";

/** See {@link Distribution.versions}. k3s is all of it in one program. */
export async function readVersions(context: Context): Promise<KubernetesVersions> {
  const installed = await installedVersion(context, K3S.version);
  const running = (await context.host.readFile(K3S.runningVersion))?.trim();
  const { kind } = await lookAtK3s(context);
  return { installed, controlPlane: kind === "server" ? (running ?? "") : undefined, kubelet: running };
}

/** See {@link Distribution.upgrade}. It is another k3s once it starts anew: a server's kubelet with its control plane. */
export async function upgrade(context: Context, part: UpgradePart, signal: AbortSignal): Promise<void> {
  const { host } = context;
  const { installed, controlPlane, kubelet } = await readVersions(context);
  const isDue = part === "kubelet" || controlPlane !== undefined;
  if (!isDue || kubelet === installed) return;
  const { kind, unit } = await lookAtK3s(context);
  if (kind === "none") return;
  await prepareK3s(context, signal);
  await systemctl(context, "restart", unit, signal, START_TIMEOUT_MS);
  if (kind === "server") {
    await ownApiServer(context, await knownPlacement(context), signal, K3S.serverCa);
    await adoptAccess(context);
  }
  await host.writeFile(K3S.runningVersion, `${installed}\n`, 0o644);
}
