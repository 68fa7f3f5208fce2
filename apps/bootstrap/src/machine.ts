import { networkInterfaces } from "node:os";
import { countProcessors, readGpus, readMemoryBytes } from "@cluster-os/hardware";
import { isUnderlayInterface } from "@cluster-os/mesh";

/** What members tell each other of their machines: enough to choose servers by, and for `cluster-os members`. */
export interface MachineCapabilities {
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly gpus: number;
}

export async function readCapabilities(): Promise<MachineCapabilities> {
  return {
    cpu: await countProcessors("/"),
    memoryBytes: await readMemoryBytes("/"),
    gpus: (await readGpus("/")).length,
  };
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
