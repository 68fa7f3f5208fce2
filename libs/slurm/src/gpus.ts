import type { SlurmClusterSpec } from "@cluster-os/api";
import { compareText } from "@cluster-os/std";
import type { SlurmGpu, SlurmNode } from "./nodes.ts";

/** Device files by maker: numbered in the order of PCI addresses, as the kernel's drivers do it. */
const DEVICES: Readonly<
  Record<
    SlurmGpu["vendor"],
    { readonly drivers: readonly string[]; readonly file: (index: number) => string }
  >
> = {
  NVIDIA: { drivers: ["nvidia"], file: (index) => `/dev/nvidia${index}` },
  AMD: { drivers: ["amdgpu"], file: (index) => `/dev/dri/renderD${128 + index}` },
  Intel: { drivers: ["i915", "xe"], file: (index) => `/dev/dri/renderD${128 + index}` },
};

/** Device files of the processors that jobs can use: those that a driver for computing is bound to. */
export function gpuFiles({ gpus }: Pick<SlurmNode, "gpus">): readonly string[] {
  return (["NVIDIA", "AMD", "Intel"] as const).flatMap((vendor) => {
    const { drivers, file } = DEVICES[vendor];
    return gpus
      .filter((gpu) => gpu.vendor === vendor && gpu.driver !== undefined && drivers.includes(gpu.driver))
      .toSorted((one, other) => compareText(one.address, other.address))
      .map((_, index) => file(index));
  });
}

/** Lines of gres.conf. A node without GPUs has none. */
export function gresLines(
  nodes: readonly SlurmNode[],
  detection: SlurmClusterSpec["gpuDetection"],
): readonly string[] {
  return nodes.flatMap((node) => {
    const files = gpuFiles(node);
    if (files.length === 0) return [];
    return detection === "NVML"
      ? [`NodeName=${node.name} AutoDetect=nvml`]
      : files.map((file) => `NodeName=${node.name} Name=gpu File=${file}`);
  });
}
