import {
  readSlurmConfig,
  readSlurmKeys,
  readSlurmLease,
  SlurmClusterSpecSchema,
  type SlurmClusterObject,
  type SlurmClusterSpec,
  type SlurmConfig,
  type SlurmKeys,
  type SlurmLease,
  type SlurmNodeSettings,
  type SlurmUser,
} from "@cluster-os/api";
import { signerOf } from "@cluster-os/slurm";

/** What the API has of SLURM, as far as a node-agent looks at it. Nothing that is missing is known to be wished away. */
export interface SlurmSeen {
  readonly cluster?: SlurmClusterObject | undefined;
  /** ConfigMap, Secret and Lease, as they came. */
  readonly config?: unknown;
  readonly keys?: unknown;
  readonly lease?: unknown;
}

/** This machine. */
export interface Self {
  readonly name: string;
  /** Its address in the mesh; absent before the mesh is up. */
  readonly address?: string | undefined;
  /** The mesh's network, as a CIDR; absent before the mesh is up. */
  readonly meshNetwork?: string | undefined;
}

/** What this machine is to be in SLURM. */
export interface SlurmWish {
  readonly auth: SlurmClusterSpec["auth"];
  readonly keys: SlurmKeys;
  readonly settings: SlurmNodeSettings;
  /** Mesh address of the machine that runs the controller; absent while one is being chosen. */
  readonly controllerAddress?: string;
  readonly meshNetwork?: string;
  readonly users: readonly SlurmUser[];
  /** Only where this machine may run the controller. */
  readonly controller?: ControllerWish;
}

export interface ControllerWish {
  readonly config: SlurmConfig;
  readonly lease: SlurmLease;
  /** Nodes to be drained, and why. */
  readonly drains: readonly { readonly node: string; readonly reason: string }[];
  /** Signs the tokens of SLURM's REST API. */
  readonly tokenKey: Uint8Array;
  /** Mesh address on which slurmrestd is to listen; absent where there is to be none. */
  readonly restAddress?: string;
}

/** This machine takes no part in SLURM, by the API's own word. */
export const NO_PART = "no part";

/**
 * What the API wants of this machine; undefined where it does not say: something is missing, or cannot be read. That is no reason
 * to stop anything.
 */
export function wishOf(seen: SlurmSeen, self: Self): SlurmWish | typeof NO_PART | undefined {
  if (!seen.cluster || seen.cluster.metadata.deletionTimestamp !== undefined) return NO_PART;
  const config = readSlurmConfig(seen.config);
  const keys = readSlurmKeys(seen.keys);
  const spec = SlurmClusterSpecSchema.safeParse(seen.cluster.spec ?? {}).data;
  if (!config || !keys || !spec) return undefined;
  // The configuration of a SlurmCluster that was deleted: that of the one after it is yet to be rendered.
  if (signerOf(config.files) !== spec.auth) return undefined;
  const settings = config.nodes[self.name];
  if (!settings) return NO_PART;
  const lease = readSlurmLease(seen.lease);
  const { activeController, drains = [] } = seen.cluster.status ?? {};
  const isHolder = lease?.holder === self.name;
  // The Lease decides; the status only has the address of whom it names, and may be a moment behind.
  const address = isHolder
    ? self.address
    : isSameHolder(lease, activeController?.node)
      ? activeController?.address
      : undefined;
  return {
    auth: spec.auth,
    keys,
    settings,
    ...(address !== undefined && { controllerAddress: address }),
    ...(self.meshNetwork !== undefined && { meshNetwork: self.meshNetwork }),
    users: spec.users,
    ...(isHolder && {
      controller: {
        config,
        lease,
        drains,
        tokenKey: keys.jwt,
        ...(spec.rest.enabled && self.address !== undefined && { restAddress: self.address }),
      },
    }),
  };
}

function isSameHolder(lease: SlurmLease | undefined, node: string | undefined): boolean {
  return lease?.holder !== undefined && lease.holder === node;
}
