import type { ClusterNodeStatus } from "@cluster-os/api";

/** This machine's ClusterNode as the API has it. */
export interface SeenNode {
  readonly generation: number;
  readonly status: ClusterNodeStatus | undefined;
}

/** All that node-agent may do with the Kubernetes API. Failures are {@link KubeError}s. */
export interface AgentKube {
  readNode(signal: AbortSignal): Promise<SeenNode>;
  /** Server-side apply of this agent's part of the status; returns what the API then has. */
  applyStatus(status: ClusterNodeStatus, signal: AbortSignal): Promise<SeenNode>;
  /** Shows that this machine is alive. `wallTimeMs` (Unix ms) is for people to read: observers use clocks of their own. */
  renewLease(wallTimeMs: number, signal: AbortSignal): Promise<void>;
  /** Closes connections. */
  close(): Promise<void>;
}

/** The API refused, or was not reached. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  /** HTTP status; undefined if there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }

  /** The certificate is not accepted (any more): a new one may help. */
  get isUnauthorized(): boolean {
    return this.status === 401;
  }
}
