import type { ClusterConfigFile } from "@cluster-os/api";
import type { SshFacts } from "@cluster-os/firewall";
import type { FirewallDriver } from "@cluster-os/firewall/drivers";
import type { NodeKeys } from "@cluster-os/identity/drivers";
import type { Distribution } from "@cluster-os/kubernetes";
import type { LinkDriver } from "@cluster-os/mesh/drivers";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import type { MachineCapabilities } from "./machine.ts";
import type { MeshInterface } from "./mesh-interface.ts";
import type { Settings } from "./settings.ts";
import type { Steps } from "./steps.ts";
import type { Chrony } from "./time/time-controller.ts";

/** Everything of the machine that bootstrap touches, chosen in main.ts. */
export interface DaemonOptions {
  readonly settings: Settings;
  readonly config: ClusterConfigFile;
  readonly keys: NodeKeys;
  readonly capabilities: MachineCapabilities;
  readonly version: string;
  readonly mesh: MeshInterface;
  readonly link: LinkDriver;
  /** Sends a packet to each mesh address. */
  readonly nudge: (addresses: readonly string[]) => Promise<void>;
  readonly chrony: Chrony;
  readonly firewall: { readonly driver: FirewallDriver; readonly readSshFacts: () => Promise<SshFacts> };
  /** The given file, read anew. */
  readonly readConfig: () => Promise<ClusterConfigFile>;
  /**
   * Called when this machine has left its cluster, or has begun to and failed: this process is of no more use, and only
   * after a failure is another one.
   */
  readonly onDeparture: (hasLeft: boolean) => void;
  readonly distribution: Distribution;
  readonly agent: { start(signal: AbortSignal): Promise<void>; stop(signal: AbortSignal): Promise<void> };
  readonly steps: Steps;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}
