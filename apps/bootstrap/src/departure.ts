import type { LeaveAnswer } from "@cluster-os/api";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { Logger } from "@cluster-os/std";
import { writeFileAtomic } from "@cluster-os/std/drivers";
import { PeerApiError } from "./peer-api/protocol.ts";

export interface DepartureOptions {
  readonly self: NodeId;
  readonly clusterId: string | undefined;
  readonly isServer: boolean;
  /** Rounds of all loops end, those under way too. */
  readonly stopLoops: () => Promise<void>;
  readonly leaveKubernetes: (signal: AbortSignal) => Promise<void>;
  readonly departurePath: string;
  readonly tellOthers: () => Promise<void>;
  readonly stopMesh: (signal: AbortSignal) => Promise<void>;
  /** Called at the end of what was begun: this process is of no more use, and only after a failure is another one. */
  readonly onEnd: (hasLeft: boolean) => void;
  readonly logger: Logger;
}

/** `reset` is bounded to two minutes. */
const TIMEOUT_MS = 140_000;

/**
 * Leaves the cluster in good order: work ends first, then the machine says goodbye, then the mesh goes. What is cut off
 * half-way is not done: until the departure is on disk, a restarted bootstrap is a member as before.
 */
export async function depart(options: DepartureOptions): Promise<LeaveAnswer> {
  const { self, clusterId, isServer, onEnd, logger } = options;
  if (clusterId === undefined) throw new PeerApiError(409, "this machine is in no cluster yet");
  if (isServer) {
    throw new PeerApiError(
      409,
      `${nodeName(self)} is a control-plane server: its vote would be missed; another machine has to take its place first`,
    );
  }
  let hasLeft = false;
  try {
    const name = nodeName(self);
    logger.info("leaves the cluster", { node: name, clusterId });
    await carryOut(options, clusterId);
    hasLeft = true;
    return { name, clusterId };
  } finally {
    onEnd(hasLeft);
  }
}

async function carryOut(options: DepartureOptions, clusterId: string): Promise<void> {
  const { stopLoops, leaveKubernetes, departurePath, tellOthers, stopMesh } = options;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  await stopLoops();
  await leaveKubernetes(signal);
  await writeFileAtomic(departurePath, `${JSON.stringify({ clusterId })}\n`, { mode: 0o600 });
  await tellOthers();
  await stopMesh(signal);
}
