import { readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { NodeCapabilities } from "@cluster-os/api";
import { listNames, readText } from "./folder.ts";

type GpuDevice = NonNullable<NodeCapabilities["gpuDevices"]>[number];

const VENDORS: Readonly<Record<string, GpuDevice["vendor"]>> = {
  "0x10de": "NVIDIA",
  "0x1002": "AMD",
  "0x8086": "Intel",
};

/** Graphics processors that compute, by PCI class, whether a driver is bound to them or not. */
export async function readGpus(root: string): Promise<readonly GpuDevice[]> {
  const folder = join(root, "sys/bus/pci/devices");
  const devices = await Promise.all((await listNames(folder)).map((address) => readGpu(folder, address)));
  return devices.filter((device) => device !== undefined);
}

async function readGpu(folder: string, address: string): Promise<GpuDevice | undefined> {
  const path = join(folder, address);
  const vendor = VENDORS[(await readText(join(path, "vendor"))) ?? ""];
  const pciClass = (await readText(join(path, "class"))) ?? "";
  if (!vendor || !computes(vendor, pciClass)) return undefined;
  const device = (await readText(join(path, "device"))) ?? "unknown";
  const driver = await readlink(join(path, "driver")).then(basename, () => undefined);
  return { address, vendor, device, ...(driver !== undefined && { driver }) };
}

/**
 * PCI base class 03. NVIDIA's and AMD's count as VGA (00), 3D (02) and other (80) controllers; Intel's as the latter two,
 * since nearly every Intel processor has a VGA controller that nobody computes on.
 */
function computes(vendor: GpuDevice["vendor"], pciClass: string): boolean {
  const subclasses = vendor === "Intel" ? ["02", "80"] : ["00", "02", "80"];
  return subclasses.some((subclass) => pciClass.startsWith(`0x03${subclass}`));
}
