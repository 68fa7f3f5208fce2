import type { MeshStatus, NodeCapabilities, NodeStatus, SlurmNodeStatus } from "@cluster-os/api";
import type { MachineVersions } from "@cluster-os/hardware";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import type { ClockObserved } from "@cluster-os/time";
import type { AgentKube, SeenNode } from "../kube.ts";
import { changedParts, isReported } from "./difference.ts";
import { planStatus, type ReportObserved } from "./status.ts";

/** The machine, as far as the reporter looks at it. */
export interface MachineReader {
  readonly capabilities: () => Promise<NodeCapabilities>;
  readonly versions: () => Promise<MachineVersions>;
  readonly isKubeletHealthy: (signal: AbortSignal) => Promise<boolean>;
  readonly clock: (signal: AbortSignal) => Promise<ClockObserved>;
}

export interface ReporterOptions {
  readonly machine: MachineReader;
  readonly bootstrapStatus: (signal: AbortSignal) => Promise<NodeStatus>;
  /** SLURM on this machine, absent where it is not installed; undefined before it was looked at. */
  readonly slurm?: () => SlurmNodeStatus | undefined;
  /** How often the API is asked whether the ClusterNode is still as it was left, in milliseconds. */
  readonly rereadMs: number;
  /** How many times slower than usual the machine is. */
  readonly patience: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Hardware is looked at this often: a disk or a cable may come and go. */
const CAPABILITIES_MS = 60_000;
/** chrony polls every 16 to 64 seconds. */
const CLOCK_MS = 30_000;
/** What others than the report want to know of this machine may be as old as a report. */
const BOOTSTRAP_MS = 10_000;
/** A restart of bootstrap takes seconds; only a longer silence is worth a report. */
const STALE_MS = 30_000;

/**
 * Keeps this machine's ClusterNode as the machine is. It writes only what differs from what the API has, so a machine on
 * which nothing changes writes nothing.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #capabilities = new Kept<NodeCapabilities>(CAPABILITIES_MS);
  readonly #versions = new Kept<MachineVersions>(Number.POSITIVE_INFINITY);
  readonly #clock = new Kept<ClockObserved>(CLOCK_MS);
  readonly #node: Kept<SeenNode>;
  #bootstrap: { readonly status: NodeStatus; readonly at: Instant } | undefined;
  #mesh: { readonly status: MeshStatus; readonly at: Instant } | undefined;
  #kubeletHealthyAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#node = new Kept(options.rereadMs);
  }

  /** One round: look at the machine, and write if the API has it otherwise. Throws if either cannot be reached. */
  async round(kube: AgentKube, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const seen = await this.#node.get(clock.now(), () => kube.readNode(signal));
    const wanted = planStatus(await this.#observe(seen, signal), clock.wallTime());
    if (isReported(wanted, seen.status)) return;
    try {
      this.#node.set(await kube.applyStatus(wanted, signal), clock.now());
    } catch (error) {
      // What the API has is not what was thought: look again before the next write.
      this.#node.forget();
      throw error;
    }
    logger.info("reported", { changed: changedParts(wanted, seen.status) });
  }

  async #observe(seen: SeenNode, signal: AbortSignal): Promise<ReportObserved> {
    const { machine, clock } = this.#options;
    const now = clock.now();
    const isHealthy = await machine.isKubeletHealthy(signal);
    if (isHealthy) this.#kubeletHealthyAt = now;
    const { status: node, at } = await this.#askBootstrap(signal);
    return {
      capabilities: await this.#capabilities.get(now, machine.capabilities),
      versions: await this.#versions.get(now, machine.versions),
      node,
      isStale: now - at > STALE_MS * this.#options.patience,
      clock: await this.#clock.get(now, () => machine.clock(signal)),
      // Until it was looked at, nothing newer is known than what was reported: to take that back would be two writes.
      slurm: this.#options.slurm && (this.#options.slurm() ?? seen.status?.slurm),
      kubelet: { isHealthy, unhealthyForMs: now - this.#kubeletHealthyAt },
      generation: seen.generation,
      current: seen.status,
    };
  }

  /** Where a member is in the mesh, as its bootstrap said last; undefined for who is none, or none any more. */
  meshAddressOf(name: string): string | undefined {
    const self = this.#bootstrap?.status;
    if (name === self?.name) return self.address;
    return self?.mesh?.peers.find((peer) => peer.name === name)?.address;
  }

  /** This machine by its bootstrap, or by what that said last when it is silent. */
  async bootstrap(signal: AbortSignal): Promise<NodeStatus> {
    const known = this.#bootstrap;
    if (known && this.#options.clock.now() - known.at < BOOTSTRAP_MS) return known.status;
    return (await this.#askBootstrap(signal)).status;
  }

  /** What bootstrap says, or said last when it is silent. */
  async #askBootstrap(signal: AbortSignal): Promise<{ readonly status: NodeStatus; readonly at: Instant }> {
    const { bootstrapStatus, clock, logger } = this.#options;
    try {
      const status = this.#withMesh(await bootstrapStatus(signal));
      this.#bootstrap = { status, at: clock.now() };
    } catch (error) {
      if (!this.#bootstrap || signal.aborted) throw error;
      logger.warn("bootstrap is silent", { error: describeError(error) });
    }
    return this.#bootstrap;
  }

  /** A bootstrap that has just started answers before it has looked at the mesh, which meanwhile is as it was. */
  #withMesh(status: NodeStatus): NodeStatus {
    const now = this.#options.clock.now();
    if (status.mesh) {
      this.#mesh = { status: status.mesh, at: now };
      return status;
    }
    const isLost = status.problems.some(({ kind }) => kind === "mesh-down");
    const isRecent = this.#mesh && now - this.#mesh.at <= STALE_MS * this.#options.patience;
    return this.#mesh && isRecent && !isLost ? { ...status, mesh: this.#mesh.status } : status;
  }
}

/** A value that is fetched again when it is older than `maxAgeMs`. */
class Kept<T> {
  readonly #maxAgeMs: number;
  #kept: { readonly value: T; readonly at: Instant } | undefined;

  constructor(maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
  }

  async get(now: Instant, fetch: () => Promise<T>): Promise<T> {
    if (!this.#kept || now - this.#kept.at > this.#maxAgeMs) this.set(await fetch(), now);
    return (this.#kept as { readonly value: T }).value;
  }

  set(value: T, now: Instant): void {
    this.#kept = { value, at: now };
  }

  forget(): void {
    this.#kept = undefined;
  }
}
