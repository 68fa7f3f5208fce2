import type { ClusterConfigFile, KubernetesState } from "@cluster-os/api";
import type { MachineCapabilities } from "./machine.ts";

export const DEFAULT_GOSSIP_PORT = 8686;
export const DEFAULT_WIREGUARD_PORT = 51820;

/** What a machine does in the cluster, once it is in one. */
export type Role = "server" | "worker";

/** What stays the same of a machine for as long as its bootstrap runs. */
export interface MachineFacts {
  readonly capabilities: MachineCapabilities;
  readonly version: string;
  readonly config: ClusterConfigFile;
}

/** How far this machine is. */
export interface Progress {
  /** Undefined before admission. */
  readonly role: Role | undefined;
  readonly kubernetes: { readonly state: KubernetesState; readonly epoch: number };
  /** Undefined before the first rotation is looked for: the keys that the protocol was made with. */
  readonly keys?: { readonly wireguardKey: Uint8Array; readonly nextWireguardKey?: Uint8Array };
}

/** What this machine tells the other members of itself; the protocol adds its keys. */
export function describeMachine({ capabilities, version, config }: MachineFacts, progress: Progress) {
  return {
    gossipPort: config.gossipPort ?? DEFAULT_GOSSIP_PORT,
    wireguardPort: config.wireguardPort ?? DEFAULT_WIREGUARD_PORT,
    capabilities,
    roles: progress.role === undefined ? [] : [progress.role],
    kubernetes: progress.kubernetes,
    version,
    ...progress.keys,
    ...(config.label !== undefined && { label: config.label }),
  };
}
