import { rename } from "node:fs/promises";
import type { LeaveAnswer } from "@cluster-os/api";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { Logger } from "@cluster-os/std";
import { writeFileAtomic } from "@cluster-os/std/drivers";
import { PeerApiError } from "../peer-api/protocol.ts";

export interface DepartureOptions {
  readonly self: NodeId;
  readonly clusterId: string | undefined;
  /** Resolves once this machine has no part in the control plane; throws if it has to stay. */
  readonly handOver: (signal: AbortSignal) => Promise<void>;
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

/** Is there from the moment from which a departure is carried through, whatever happens to this process. */
export function begunPath(departurePath: string): string {
  return `${departurePath}.begun`;
}

/**
 * Leaves the cluster in good order: a server's place is handed over, work ends, the machine says goodbye, then the mesh
 * goes. Until work ends, a machine that is cut off is a member as before. From then on its disk says that it leaves: a
 * restarted bootstrap begins again with the end of work, so that nothing is left half-wiped, or gone without a goodbye.
 */
export async function depart(options: DepartureOptions, signal: AbortSignal): Promise<LeaveAnswer> {
  const { self, clusterId, onEnd, logger } = options;
  if (clusterId === undefined) throw new PeerApiError(409, "this machine is in no cluster yet");
  await options.handOver(signal);
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
  await writeFileAtomic(begunPath(departurePath), `${JSON.stringify({ clusterId })}\n`, { mode: 0o600 });
  await leaveKubernetes(signal);
  await tellOthers();
  await stopMesh(signal);
  await rename(begunPath(departurePath), departurePath);
}
