import type { SlurmNodeSettings } from "@cluster-os/api";

/**
 * What the kubelet is told of the jobs' share: it belongs to no pod. A part of a KubeletConfiguration (kubelet.config.k8s.io/v1beta1),
 * as JSON; a kubelet adds it to its own. The scheduler then places no more pods than fit beside all jobs, and the kernel holds all
 * pods together to the memory that is left ("Reserve Compute Resources for System Daemons" in Kubernetes' documentation).
 *
 * A machine's only processor is shared by the two: a kubelet without any would refuse the control plane's own pods.
 */
export function kubeletReservation(
  { cpus, memoryMib }: Pick<SlurmNodeSettings, "cpus" | "memoryMib">,
  processors: number,
): string {
  const isShared = cpus >= processors;
  const configuration = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    systemReserved: { ...(!isShared && { cpu: String(cpus) }), memory: `${memoryMib}Mi` },
  };
  return `${JSON.stringify(configuration, null, 2)}\n`;
}
