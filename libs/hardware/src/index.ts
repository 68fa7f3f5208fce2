/** What a machine has, from the files of its kernel. */
export { readCapabilities } from "./capabilities.ts";
export { readGpus } from "./gpus.ts";
export { readMemoryBytes } from "./memory.ts";
export { countProcessors } from "./processors.ts";
export { readVersions, type MachineVersions } from "./versions.ts";
