import { basename } from "node:path";
import { CONTROL_PLANE_PODS, PATHS, SET_ASIDE_FOLDER, UNITS } from "../settings.ts";
import { systemctl, type Context } from "./context.ts";
import { pointKubeletAtBalancer } from "./leave.ts";
import { knownPlacement } from "./machine.ts";
import { stopControlPlane } from "./static-pods.ts";

/**
 * Makes this machine a worker without asking anybody: its control plane ends, and everything of it is moved away, keys
 * and etcd's data as they are. For what a machine was while it was away, and for a promotion that was cut off.
 */
export async function setAside(context: Context, signal: AbortSignal): Promise<void> {
  const { meshAddress } = await knownPlacement(context);
  const { host } = context;
  for (const pod of CONTROL_PLANE_PODS) await host.remove(`${PATHS.manifests}/${pod}.yaml`);
  await pointKubeletAtBalancer(context, meshAddress, signal);
  await stopControlPlane(context, signal);
  const files = ["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"];
  const keys = (await host.list(`${PATHS.kubernetes}/pki`))
    .map((name) => `${PATHS.kubernetes}/pki/${name}`)
    .filter((path) => path !== PATHS.caCertificate);
  const data = (await host.list(PATHS.etcdFolder)).map((name) => `${PATHS.etcdFolder}/${name}`);
  // The keys last: by them a cut is seen, and what is left is moved the next time.
  await moveAside(context, {
    etcd: data,
    kubernetes: files.map((name) => `${PATHS.kubernetes}/${name}`),
    pki: keys,
  });
  // Its Node may have been deleted meanwhile, and the kubelet makes one only when it starts.
  await systemctl(context, "restart", UNITS.kubelet, signal);
}

/** Moves files and folders into a new folder, kept apart by where they came from. */
export async function moveAside(
  { host, clock, logger }: Context,
  parts: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const stamp = new Date(clock.wallTime()).toISOString().replace(/[-:]|\.\d+/g, "");
  // Never over what was moved there before, however close in time.
  const taken = await host.list(SET_ASIDE_FOLDER);
  let folder = `${SET_ASIDE_FOLDER}/${stamp}`;
  for (let count = 2; taken.includes(basename(folder)); count += 1)
    folder = `${SET_ASIDE_FOLDER}/${stamp}-${count}`;
  await host.makeFolder(SET_ASIDE_FOLDER, 0o700);
  for (const [part, paths] of Object.entries(parts))
    for (const path of paths) await host.move(path, `${folder}/${part}/${basename(path)}`);
  logger.info("set the control plane's state aside", { folder });
}
