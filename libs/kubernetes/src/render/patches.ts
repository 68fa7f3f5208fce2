import type { NodePlacement } from "../distribution.ts";
import type { MachineFacts } from "../machine.ts";

/**
 * kubeadm's patches of this one machine, by file name. What differs between machines must not reach the cluster-wide
 * ConfigMaps: a machine with control groups v1 would pass its settings on to all.
 */
export function renderPatches(
  placement: NodePlacement,
  machine: MachineFacts,
): Readonly<Record<string, string>> {
  return {
    "kube-apiserver0+json.json": json([
      { op: "add", path: "/spec/containers/0/command/-", value: `--bind-address=${placement.meshAddress}` },
    ]),
    "kubeletconfiguration0+merge.json": json({
      address: placement.meshAddress,
      cgroupDriver: machine.cgroupVersion === 2 ? "systemd" : "cgroupfs",
      // False has to be said from Kubernetes 1.35 on; on control groups v2 the strict default stays.
      ...(machine.cgroupVersion === 1 && { failCgroupV1: false }),
      // Without the file the kubelet would refuse every pod that asks for the machine's own name servers.
      ...(!machine.hasResolvConf && { resolvConf: "" }),
    }),
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
