import { K3S } from "../../k3s-settings.ts";
import { PATHS } from "../../settings.ts";
import type { Context } from "../context.ts";
import { moveAside } from "../set-aside.ts";
import { reset } from "./reset.ts";
import { stopK3s } from "./unit.ts";

/**
 * Ends k3s here and moves a server's state away. An agent needs a token that only a server gives, so the machine is
 * nothing of Kubernetes afterwards, and joins anew.
 */
export async function setAside(context: Context, signal: AbortSignal): Promise<void> {
  await stopK3s(context, "server", signal);
  const paths = (await context.host.list(K3S.server)).map((name) => `${K3S.server}/${name}`);
  await moveAside(context, {
    server: paths,
    access: [K3S.kubeconfig, PATHS.adminKubeconfig, K3S.serverToken, K3S.agentToken],
  });
  await reset(context, signal);
}
