import type { NetworkPlan } from "../distribution.ts";
import { renderClusterDns } from "../render/coredns.ts";
import { patientPods } from "../render/patient-pods.ts";
import type { Context } from "./context.ts";
import type { KubeApi } from "./kube-api.ts";

/** Has the cluster run its own name server, which asks this machine's for what is outside. */
export async function applyClusterDns(
  { host }: Pick<Context, "host">,
  api: KubeApi,
  plan: NetworkPlan,
  signal: AbortSignal,
): Promise<void> {
  const { nameservers } = await host.inspect();
  const objects = patientPods(renderClusterDns(plan, nameservers), host.patience);
  for (const object of objects) await api.apply(object, signal);
}
