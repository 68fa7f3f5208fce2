import type { Condition, KubernetesState, SlurmNodeStatus } from "@cluster-os/api";
import type { MeshReach } from "./mesh.ts";

/** A condition before it is dated. */
export interface Judgement {
  readonly type: "MeshConnected" | "KubernetesReady" | "ClockSynchronized" | "SlurmRegistered";
  readonly status: Condition["status"];
  readonly reason: string;
  readonly message: string;
}

/** `reach` is undefined while this machine's mesh is unknown: bootstrap is silent, or the interface is not up. */
export function judgeMesh(reach: MeshReach | undefined): Judgement {
  const type = "MeshConnected";
  if (!reach)
    return { type, status: "Unknown", reason: "MeshUnknown", message: "bootstrap reports no mesh interface" };
  const { expected, silent } = reach;
  if (expected === 0)
    return { type, status: "True", reason: "NoPeers", message: "this is the only living node" };
  if (silent.length === 0) {
    return { type, status: "True", reason: "AllPeersConnected", message: "every living peer is connected" };
  }
  const message = `no WireGuard handshake for three minutes with ${listOf(silent)}`;
  // One silent peer is that peer's trouble; most of them silent is this machine's.
  const isIsolated = silent.length * 2 > expected;
  return isIsolated
    ? { type, status: "False", reason: "MostPeersSilent", message }
    : { type, status: "True", reason: "SomePeersSilent", message };
}

export interface KubeletObserved {
  readonly isHealthy: boolean;
  /** How long it has been unhealthy, in milliseconds; endless if it never was healthy. */
  readonly unhealthyForMs: number;
}

/** A kubelet that restarts answers again within this time; until then, nothing is said of it. */
const RESTART_GRACE_MS = 15_000;

/** Undefined means "as before": a restart of the kubelet is no news. */
export function judgeKubernetes(
  state: KubernetesState | undefined,
  kubelet: KubeletObserved,
): Judgement | undefined {
  const type = "KubernetesReady";
  if (kubelet.isHealthy)
    return { type, status: "True", reason: "KubeletHealthy", message: "the kubelet answers" };
  if (kubelet.unhealthyForMs < RESTART_GRACE_MS) return undefined;
  if (state !== undefined && state !== "ready") {
    return {
      type,
      status: "False",
      reason: "KubernetesStarting",
      message: `Kubernetes on this machine is ${state}`,
    };
  }
  return {
    type,
    status: "False",
    reason: "KubeletNotHealthy",
    message: "the kubelet does not answer its health check",
  };
}

/** States of a node to which slurmctld gives no job, in the order in which they count. */
const NOT_REGISTERED = ["DOWN", "NOT_RESPONDING", "FAIL", "UNKNOWN", "FUTURE"];

/** Undefined where the machine takes no part in SLURM, or SLURM did not say: it may be moving its controller. */
export function judgeSlurm(slurm: SlurmNodeStatus | undefined): Judgement | undefined {
  const type = "SlurmRegistered";
  if (!slurm) return undefined;
  if (slurm.slurmd?.message !== undefined && slurm.slurmd.state !== "Running")
    return { type, status: "False", reason: "SlurmdNotRunning", message: slurm.slurmd.message };
  const states = slurm.view?.states;
  if (!states) return undefined;
  const wrong = NOT_REGISTERED.find((state) => states.includes(state));
  const because = slurm.view?.reason === undefined ? "" : `: ${slurm.view.reason}`;
  if (wrong !== undefined)
    return {
      type,
      status: "False",
      reason: "SlurmNodeDown",
      message: `SLURM says ${states.join("+")}${because}`,
    };
  return { type, status: "True", reason: "Registered", message: "slurmctld gives it jobs, or would" };
}

/** At most five names: a message is read by people. */
function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
