import type { NodeCapabilities } from "@cluster-os/api";
import { readDisks } from "./disks.ts";
import { readGpus } from "./gpus.ts";
import { readLinks } from "./links.ts";
import { readMemoryBytes } from "./memory.ts";
import { countProcessors } from "./processors.ts";

const MIB = 2 ** 20;

/** What the machine below `root` has; "/" is this one. */
export async function readCapabilities(root: string): Promise<NodeCapabilities> {
  const gpuDevices = await readGpus(root);
  return {
    cpu: await countProcessors(root),
    memory: `${Math.floor((await readMemoryBytes(root)) / MIB)}Mi`,
    gpus: gpuDevices.length,
    gpuDevices: [...gpuDevices],
    disks: [...(await readDisks(root))],
    links: [...(await readLinks(root))],
  };
}
