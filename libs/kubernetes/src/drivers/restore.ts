import type { RestoreRequest, RestoreSource } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { peerUrl } from "../plan/etcd.ts";
import { planRestore, restoreArguments, type RestoreObserved } from "../plan/restore.ts";
import { CONTROL_PLANE_PODS, PATHS, STATE_FOLDER, UNITS } from "../settings.ts";
import { execute, systemctl, type Context } from "./context.ts";
import { knownPlacement } from "./machine.ts";
import { ownApiServer } from "./own-api-server.ts";
import { moveAside } from "./set-aside.ts";
import { stopControlPlane } from "./static-pods.ts";

const WORK = `${STATE_FOLDER}/restore`;
const KEPT = `${WORK}/manifests`;
const SOURCE = `${WORK}/source.db`;
const RESTORED = `${WORK}/restored`;
/** Which restoration all of that is of. */
const ID = `${WORK}/id`;
/** A copy of some hundreds of megabytes on a slow disk. */
const COPY_TIMEOUT_MS = 300_000;

/**
 * Makes etcd begin anew on this machine alone, from its own data or from a snapshot, and the control plane with it. What
 * it had is moved aside, never changed. Cut off anywhere, it goes on when it is called again.
 */
export async function restore(
  context: Context,
  { id, source }: RestoreRequest,
  signal: AbortSignal,
): Promise<void> {
  const placement = await knownPlacement(context);
  await begin(context, id, source, signal);
  for (;;) {
    const { kind } = planRestore(await look(context));
    context.logger.info("restores etcd", { step: kind });
    switch (kind) {
      case "refuse":
        throw new KubernetesError("this machine has no control plane that could be restored");
      case "keep-manifests":
        await keepManifests(context);
        break;
      case "stop":
        await stopControlPlane(context, signal);
        break;
      case "keep-source":
        await keepSource(context, source, signal);
        break;
      case "set-aside":
        await setDataAside(context);
        break;
      case "restore":
        await makeData(context, source, placement, signal);
        break;
      case "start":
        await putBack(context, signal);
        await ownApiServer(context, placement, signal);
        // What is left says that it is through.
        for (const path of [KEPT, SOURCE]) await context.host.remove(path);
        return;
      default:
        kind satisfies never;
    }
  }
}

/** Forgets another restoration; manifests that it kept are still needed. */
async function begin(
  context: Context,
  id: string,
  source: RestoreSource,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  if ((await host.readFile(ID)) === id) return;
  // While everything is as it was: a file that is no snapshot ends nothing.
  if (source.kind === "snapshot")
    await execute(context, "etcdutl", ["snapshot", "status", source.path], signal);
  await host.makeFolder(WORK, 0o700);
  for (const path of [RESTORED, SOURCE]) await host.remove(path);
  await host.writeFile(ID, id, 0o600);
}

async function look({ host }: Context): Promise<RestoreObserved> {
  const podsIn = async (folder: string): Promise<readonly string[]> =>
    (await host.list(folder)).flatMap((name) => (name.endsWith(".yaml") ? [name.slice(0, -5)] : []));
  return {
    manifests: await podsIn(PATHS.manifests),
    kept: await podsIn(KEPT),
    hasSource: (await host.list(WORK)).includes("source.db"),
    hasData: (await host.list(PATHS.etcdFolder)).length > 0,
    isRestored: (await host.list(WORK)).includes("restored"),
  };
}

async function keepManifests({ host }: Context): Promise<void> {
  for (const pod of CONTROL_PLANE_PODS) {
    const manifest = await host.readFile(`${PATHS.manifests}/${pod}.yaml`);
    if (manifest !== undefined) await host.writeFile(`${KEPT}/${pod}.yaml`, manifest, 0o600);
  }
}

/** Whole or not at all: a copy that was cut off has another name. */
async function keepSource(context: Context, source: RestoreSource, signal: AbortSignal): Promise<void> {
  const from = source.kind === "own" ? `${PATHS.etcdFolder}/member/snap/db` : source.path;
  const draft = `${SOURCE}.draft`;
  await context.host.remove(draft);
  await execute(context, "cp", ["--", from, draft], signal, COPY_TIMEOUT_MS * context.host.patience);
  await execute(context, "sync", ["--", draft], signal, COPY_TIMEOUT_MS * context.host.patience);
  await context.host.move(draft, SOURCE);
}

async function setDataAside(context: Context): Promise<void> {
  const names = await context.host.list(PATHS.etcdFolder);
  await moveAside(context, { etcd: names.map((name) => `${PATHS.etcdFolder}/${name}`) });
}

async function makeData(
  context: Context,
  source: RestoreSource,
  { nodeName, meshAddress }: { readonly nodeName: string; readonly meshAddress: string },
  signal: AbortSignal,
): Promise<void> {
  const args = restoreArguments({
    file: SOURCE,
    hasHash: source.kind === "snapshot",
    nodeName,
    peerUrl: peerUrl(meshAddress),
    folder: PATHS.etcdFolder,
  });
  await execute(context, "etcdutl", args, signal, COPY_TIMEOUT_MS * context.host.patience);
  await context.host.writeFile(RESTORED, "yes\n", 0o600);
}

async function putBack(context: Context, signal: AbortSignal): Promise<void> {
  const { host } = context;
  for (const pod of CONTROL_PLANE_PODS) {
    const manifest = await host.readFile(`${KEPT}/${pod}.yaml`);
    if (manifest !== undefined) await host.writeFile(`${PATHS.manifests}/${pod}.yaml`, manifest, 0o600);
  }
  await systemctl(context, "start", UNITS.kubelet, signal);
}
