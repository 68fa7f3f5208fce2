import { z } from "zod";
import { listMap } from "./lists.ts";

const Quantity = z.string().regex(/^[0-9]+(Ki|Mi|Gi|Ti)?$/);

const Gpu = z.object({
  address: z.string().describe("PCI address, for example 0000:65:00.0."),
  vendor: z.enum(["NVIDIA", "AMD", "Intel"]).describe("Who made it."),
  device: z.string().describe("PCI device ID, for example 0x2330."),
  driver: z.string().optional().describe("Kernel driver that is bound to it; absent when none is."),
});

const Disk = z.object({
  name: z.string().describe("Kernel name, for example nvme0n1."),
  sizeBytes: z.int().min(0).describe("Size in bytes."),
  rotational: z.boolean().describe("Whether it has spinning platters."),
  model: z.string().optional().describe("The maker's name for it."),
});

const Link = z.object({
  name: z.string().describe("Interface name, for example eth0."),
  mac: z.string().optional().describe("Hardware address."),
  mtu: z.int().min(0).describe("Largest packet in bytes."),
  speedMbps: z
    .int()
    .min(0)
    .optional()
    .describe("Link speed in Mbit/s; absent where the driver does not tell."),
});

/** What a machine has. Sizes of hardware: none of it changes while the machine runs, but for links. */
export const NodeCapabilities = z.object({
  cpu: z.int().min(0).describe("Logical processors."),
  memory: Quantity.describe("Memory the kernel has, for example 64319Mi."),
  gpus: z.int().min(0).describe("Graphics processors that compute."),
  gpuDevices: listMap(Gpu, ["address"], 64, "The graphics processors."),
  disks: listMap(Disk, ["name"], 256, "Whole disks; no partitions, RAM disks or loop devices."),
  links: listMap(
    Link,
    ["name"],
    64,
    "Network interfaces of the machine itself; none of containers or the mesh.",
  ),
});
export type NodeCapabilities = z.infer<typeof NodeCapabilities>;
