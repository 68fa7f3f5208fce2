import type { ServerAddress } from "../../distribution.ts";
import { K3S } from "../../k3s-settings.ts";
import { memberUrl } from "../../plan/k3s.ts";
import { attempt, execute, type Context } from "../context.ts";
import { giveVoteBack } from "../give-vote-back.ts";
import { knownPlacement } from "../machine.ts";
import { FOLDERS, forgetPlacement, unmountBelow } from "../reset.ts";
import { etcdAccess } from "./machine.ts";
import { startK3sUnattended, stopK3s } from "./unit.ts";

/** See {@link giveVoteBack}. */
export async function withdraw(
  context: Context,
  servers: readonly ServerAddress[],
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const [token, config] = await Promise.all([host.readFile(K3S.serverToken), host.readFile(K3S.config)]);
  // A server that is not through with founding the cluster is alone in etcd.
  if (token === undefined || config === undefined || /^cluster-init: true$/m.test(config)) return;
  const etcd = etcdAccess(await knownPlacement(context));
  const start = (): Promise<void> => startK3sUnattended(context, "server", "start", signal);
  await giveVoteBack(context, { etcd, urlAt: memberUrl, start }, servers, signal);
}

/** Wipes what init or join began. The images' archives stay, and so do the balancer and its list of servers. */
export async function reset(context: Context, signal: AbortSignal): Promise<void> {
  const { host } = context;
  await halt(context, signal);
  await unmountBelow(context, K3S.run, signal);
  await unmountBelow(context, K3S.data, signal);
  await unmountBelow(context, FOLDERS[0], signal);
  for (const name of await host.list(K3S.agent))
    if (`${K3S.agent}/${name}` !== K3S.images) await host.remove(`${K3S.agent}/${name}`);
  for (const folder of [K3S.server, K3S.configFolder, K3S.nodeFolder, K3S.tokens, K3S.run, ...FOLDERS])
    await host.empty(folder);
  await attempt(context, "ip", ["link", "delete", "cni0"], signal);
  await forgetPlacement(context, signal);
}

/** Ends k3s and what it started. All files stay as they are. */
export async function halt(context: Context, signal: AbortSignal): Promise<void> {
  await stopK3s(context, "server", signal);
  await stopK3s(context, "worker", signal);
  // Containers outlive k3s by design, and with it goes whoever could be asked to end them.
  await execute(context, K3S.stopPods, [K3S.run], signal, 60_000);
}
