import type { NodeCapabilities } from "@cluster-os/api";
import { readDisks } from "./disks.ts";
import { readGpus } from "./gpus.ts";
import { readLinks } from "./links.ts";
import { readMemory } from "./memory.ts";
import { countProcessors } from "./processors.ts";

export { readVersions } from "./versions.ts";

/** What the machine below `root` has; "/" is this one. */
export async function readCapabilities(root: string): Promise<NodeCapabilities> {
  const gpuDevices = await readGpus(root);
  return {
    cpu: await countProcessors(root),
    memory: await readMemory(root),
    gpus: gpuDevices.length,
    gpuDevices: [...gpuDevices],
    disks: [...(await readDisks(root))],
    links: [...(await readLinks(root))],
  };
}
