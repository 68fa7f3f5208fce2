import { readdir, readFile } from "node:fs/promises";
import { availableParallelism, networkInterfaces, totalmem } from "node:os";
import { join } from "node:path";
import { isUnderlayInterface } from "@cluster-os/mesh";

/** What members tell each other of their machines: enough to choose servers by, and for `cluster-os members`. */
export interface MachineCapabilities {
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly gpus: number;
}

export async function readCapabilities(): Promise<MachineCapabilities> {
  return {
    cpu: availableParallelism(),
    memoryBytes: totalmem(),
    gpus: await countGpus("/sys/bus/pci/devices"),
  };
}

// NVIDIA and AMD, whatever the class; Intel only as a processing accelerator beside the screen's own controller, since
// nearly every Intel processor has a display that nobody computes on.
function isComputeGpu(pciClass: string, vendor: string): boolean {
  if (vendor === "0x10de" || vendor === "0x1002") return pciClass.startsWith("0x03");
  return vendor === "0x8086" && (pciClass.startsWith("0x0302") || pciClass.startsWith("0x0380"));
}

/** Display and 3D controllers (PCI base class 03) that compute. */
export async function countGpus(devicesFolder: string): Promise<number> {
  let count = 0;
  for (const device of await readdir(devicesFolder).catch(() => [])) {
    const read = (name: string) =>
      readFile(join(devicesFolder, device, name), "utf8").then(
        (text) => text.trim(),
        () => "",
      );
    if (isComputeGpu(await read("class"), await read("vendor"))) count += 1;
  }
  return count;
}

function underlay() {
  return Object.entries(networkInterfaces())
    .filter(([name]) => isUnderlayInterface(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter((address) => !address.internal);
}

/** IPv4 networks this machine is on, as CIDRs. */
export function lanSubnets(): string[] {
  return underlay().flatMap(({ family, cidr }) => (family === "IPv4" && cidr !== null ? [cidr] : []));
}

/** This machine's addresses in the local network. */
export function underlayAddresses(): string[] {
  return underlay().map(({ address }) => address);
}
