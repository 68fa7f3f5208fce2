import type { ClusterNodeStatus } from "@cluster-os/api";
import type { SlurmKube } from "./slurm/controller-role.ts";

/** This machine's ClusterNode as the API has it. */
export interface SeenNode {
  readonly generation: number;
  readonly status: ClusterNodeStatus | undefined;
}

/** All that node-agent may do with the Kubernetes API. Failures are {@link KubeError}s. */
export interface AgentKube extends Disposable {
  readNode(signal: AbortSignal): Promise<SeenNode>;
  /** Server-side apply of this agent's part of the status; returns what the API then has. */
  applyStatus(status: ClusterNodeStatus, signal: AbortSignal): Promise<SeenNode>;
  /** Shows that this machine is alive. `wallTimeMs` (Unix ms) is for people to read: observers use clocks of their own. */
  renewLease(wallTimeMs: number, signal: AbortSignal): Promise<void>;
  /** SLURM's part of the API. Watched from the first call on: machines without SLURM never ask. */
  slurm(): SlurmKube;
}
