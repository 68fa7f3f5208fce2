import { RETIRING_ROLES, type ClusterConfigFile, type KubernetesState, type Retiring } from "@cluster-os/api";
import type { MachineCapabilities } from "./machine.ts";
import type { DescribedKeys } from "./mesh-keys.ts";

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
  /** While it is about to leave: that it is to serve no more. */
  readonly retiring?: Retiring | undefined;
  readonly keys: DescribedKeys;
}

/** What this machine tells the other members of itself; the protocol adds its keys. */
export function describeMachine({ capabilities, version, config }: MachineFacts, progress: Progress) {
  return {
    gossipPort: config.gossipPort ?? DEFAULT_GOSSIP_PORT,
    wireguardPort: config.wireguardPort ?? DEFAULT_WIREGUARD_PORT,
    capabilities,
    roles: [
      ...(progress.role === undefined ? [] : [progress.role]),
      ...(progress.retiring === undefined ? [] : [RETIRING_ROLES[progress.retiring]]),
    ],
    kubernetes: progress.kubernetes,
    version,
    ...progress.keys,
    ...(config.label !== undefined && { label: config.label }),
  };
}
