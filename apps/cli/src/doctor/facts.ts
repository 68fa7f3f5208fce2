import type { ClusterStatus, NodeStatus } from "@cluster-os/api";
import type { ClockObserved } from "@cluster-os/time";

/** A systemd unit as systemd sees it. */
export interface UnitFacts {
  readonly name: string;
  /** active, inactive, failed, activating ... */
  readonly activeState: string;
  /** running, dead, auto-restart ... */
  readonly subState: string;
  /** success, exit-code, signal ... */
  readonly result: string;
  /** Whether systemd knows the unit at all. */
  readonly isLoaded: boolean;
  /** Its last line in the journal, if it is down and has one. */
  readonly lastLine?: string;
}

/** A network interface that may lead to other machines. */
export interface InterfaceFacts {
  readonly name: string;
  readonly isUp: boolean;
  /** Whether a cable, or an access point, is at the other end. */
  readonly hasCarrier: boolean;
  /** Whether it is a radio. */
  readonly isWireless: boolean;
  readonly addresses: readonly string[];
}

/** A machine on the same link, as the kernel's table of neighbours has it (`ip neighbour`). */
export interface NeighbourFacts {
  readonly interface: string;
  readonly address: string;
  /** Whether it said lately that it is a router. */
  readonly isRouter: boolean;
  /** Whether it answered when it was last asked for; false for one that was asked for in vain. */
  readonly answers: boolean;
}

/** The way to a living peer through the mesh. */
export interface PathFacts {
  /** The peer's name. */
  readonly peer: string;
  /** The largest packet that the mesh interface lets out, in bytes with its IP header. */
  readonly bytes: number;
  /** Whether packets of that size were answered, or only small ones, or none. */
  readonly carries: "all" | "small" | "none";
}

export interface DiskFacts {
  /** Where it is mounted. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly availableBytes: number;
}

export interface KernelFacts {
  readonly hasOverlay: boolean;
  /** WireGuard in the kernel. */
  readonly hasWireGuard: boolean;
  /** The tunnel device, which WireGuard in a program needs. */
  readonly hasTun: boolean;
  readonly hasBridgeFilter: boolean;
  readonly cgroupControllers: readonly string[];
}

export interface CertificateFacts {
  readonly path: string;
  /** Unix milliseconds. */
  readonly validFrom: number;
  readonly validTo: number;
}

/**
 * Everything a diagnosis is made from, of one machine at one moment. Undefined: it could not be read, which is not a finding;
 * the report names it.
 */
export interface MachineFacts {
  readonly status: NodeStatus | undefined;
  /** Why there is no status. */
  readonly silence: string | undefined;
  /** The cluster, as this machine sees it when it looks anew. */
  readonly cluster: ClusterStatus | undefined;
  readonly units: readonly UnitFacts[] | undefined;
  readonly interfaces: readonly InterfaceFacts[] | undefined;
  /** On all interfaces of the machine, those that bootstrap passes over too. */
  readonly neighbours: readonly NeighbourFacts[] | undefined;
  /** Undefined without a mesh. */
  readonly paths: readonly PathFacts[] | undefined;
  /** `nft --json list ruleset`. */
  readonly packetFilter: string | undefined;
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number } | undefined;
  readonly disks: readonly DiskFacts[] | undefined;
  readonly kernel: KernelFacts | undefined;
  readonly clock: ClockObserved | undefined;
  readonly certificates: readonly CertificateFacts[] | undefined;
  /** What the Kubernetes API answers through this machine's balancer; undefined where there is no Kubernetes yet. */
  readonly api: { readonly isReady: boolean; readonly answer: string } | undefined;
  /** Unix milliseconds. */
  readonly nowMs: number;
}
