import { waitFor } from "@cluster-os/std/drivers";
import type { Context } from "./context.ts";
import { Etcd, KUBEADM_ETCD } from "./etcd.ts";

/** Waits until this machine's member of etcd answers. */
export async function ownEtcd({ host }: Context, nodeName: string, signal: AbortSignal): Promise<void> {
  const isWell = async (): Promise<boolean> => {
    const etcd = await Etcd.open(host, KUBEADM_ETCD);
    const members = etcd ? await etcd.members(signal, 2000) : [];
    const own = members.find(({ name }) => name === nodeName);
    return own !== undefined && (await etcd?.statusOf(own, signal)) !== undefined;
  };
  await waitFor(isWell, {
    what: "this machine's member of etcd",
    timeoutMs: 120_000 * host.patience,
    everyMs: 500 * host.patience,
    signal,
  });
}
