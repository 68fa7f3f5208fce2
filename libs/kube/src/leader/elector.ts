import { type Clock, describeError, type Instant, invariant, type Logger, type Rng } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import type { KubeClient } from "../client/client.ts";
import { KubeError } from "../client/error.ts";
import { RESOURCES } from "../resource.ts";
import { type Lease, microTime } from "../well-known.ts";
import { ELECTION_TIMES, type ElectionTimes, planElection, type SeenLease } from "./plan.ts";

export interface LeaderElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease: one per set of replicas. */
  readonly name: string;
  /** Unlike every other candidate's, and unlike its own of an earlier start: the pod's name and uid, for example. */
  readonly identity: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly times?: Partial<ElectionTimes>;
  /**
   * The lease could not be renewed in time, or was taken: another may lead from now on, so end the process. There is no
   * other way to be sure that nothing of what leading began goes on.
   */
  readonly onLost: (error: Error) => void;
}

/** One of several candidates leads, by a Lease that it renews. Tells once when it does, and once when it no longer does. */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #times: ElectionTimes;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #elected = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #seen: SeenLease | undefined;
  /** When the last renewal that succeeded was begun. Undefined: does not lead. */
  #renewedAt: Instant | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#times = { ...ELECTION_TIMES, ...options.times };
    const { leaseMs, renewDeadlineMs, retryMs } = this.#times;
    invariant(leaseMs > renewDeadlineMs, "a leader gives up before another takes over");
    // Two waits of up to a fifth more, and a call that takes as long as one may.
    invariant(
      renewDeadlineMs > 2.4 * retryMs + callTimeoutMs(this.#times),
      "a leader survives one call that is lost",
    );
    this.#logger = options.logger.child({ lease: options.name });
    this.#elected.promise.catch(() => {});
  }

  /** Of the lease. */
  get name(): string {
    return this.#options.name;
  }

  get isLeader(): boolean {
    return !this.#isOver && this.#renewedAt !== undefined && this.#ageMs() < this.#times.renewDeadlineMs;
  }

  /** False only between a deadline that passed and the end of the process. */
  get isHealthy(): boolean {
    return this.#renewedAt === undefined || this.isLeader;
  }

  /** Resolves when this candidate leads; rejects when it is stopped before. */
  elected(): Promise<void> {
    return this.#elected.promise;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives the lease back, so that another need not wait for its end. Call it when all that leading began has ended. */
  async stop(): Promise<void> {
    const wasLeader = this.isLeader;
    this.#isOver = true;
    clearTimeout(this.#watchdog);
    const reason = new Error("the candidate was stopped");
    this.#elected.reject(reason);
    this.#stop.abort(reason);
    await this.#running;
    if (wasLeader) await this.#release();
  }

  async #run(): Promise<void> {
    const { rng } = this.#options;
    const { retryMs } = this.#times;
    while (!this.#isOver) {
      await this.#try().catch((error: unknown) => {
        if (!this.#isOver) this.#logger.warn("lease not renewed", { error: describeError(error) });
      });
      if (this.#isOver) return;
      // Up to a fifth more, so that candidates do not come at the same time for ever.
      await delay(retryMs * (1 + rng.fraction() / 5), this.#stop.signal).catch(() => {});
    }
  }

  async #try(): Promise<void> {
    const { client, namespace, name, identity, clock } = this.#options;
    const { leaseMs } = this.#times;
    const call = { signal: this.#stop.signal, timeoutMs: callTimeoutMs(this.#times) };
    const begun = clock.now();
    // A leader knows the lease: what it last wrote. When it is wrong the write is a conflict.
    if (this.#renewedAt === undefined)
      this.#see(await client.find(RESOURCES.lease, { namespace, name }, call));
    const act = planElection(this.#seen, identity, { at: clock.now(), wallTime: clock.wallTime() }, leaseMs);
    if (act.kind === "wait") return;
    try {
      const metadata = this.#seen?.lease.metadata ?? { namespace, name };
      const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec: act.spec };
      this.#see(await client[act.kind](RESOURCES.lease, lease, call));
    } catch (error) {
      if (!(error instanceof KubeError && (error.isConflict || error.isNotFound))) throw error;
      return await this.#outrun(error, call);
    }
    this.#renewed(begun);
  }

  /** Somebody else wrote the lease. A leader to whom that happens looks whether it still is one. */
  async #outrun(error: KubeError, call: { signal: AbortSignal; timeoutMs: number }): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    this.#see(await client.find(RESOURCES.lease, { namespace, name }, call));
    const holder = this.#seen?.lease.spec?.holderIdentity;
    if (this.#renewedAt !== undefined && holder !== identity)
      this.#lose(
        new Error(`the lease ${name} is ${holder ? `${holder}'s` : "nobody's"} now`, { cause: error }),
      );
  }

  #see(lease: Lease | undefined): void {
    const isNew = lease?.metadata.resourceVersion !== this.#seen?.lease.metadata.resourceVersion;
    if (lease === undefined) this.#seen = undefined;
    else if (isNew || this.#seen === undefined) this.#seen = { lease, seenAt: this.#options.clock.now() };
  }

  #renewed(begun: Instant): void {
    if (this.#isOver) return;
    const { renewDeadlineMs } = this.#times;
    const isFirst = this.#renewedAt === undefined;
    // An answer that took longer than the deadline came too late.
    if (!isFirst && this.#ageMs() >= renewDeadlineMs) return this.#expire();
    this.#renewedAt = begun;
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#expire(), Math.max(0, renewDeadlineMs - this.#ageMs()));
    if (!isFirst) return;
    this.#logger.info("leads", { identity: this.#options.identity });
    this.#elected.resolve();
  }

  #expire(): void {
    const seconds = this.#times.renewDeadlineMs / 1000;
    this.#lose(new Error(`the lease ${this.#options.name} could not be renewed for ${seconds} s`));
  }

  #lose(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#watchdog);
    this.#stop.abort(error);
    this.#logger.error("leads no more", { error: describeError(error) });
    this.#options.onLost(error);
  }

  async #release(): Promise<void> {
    const { client, clock } = this.#options;
    const { lease } = this.#seen as SeenLease;
    const spec = {
      ...lease.spec,
      holderIdentity: "",
      leaseDurationSeconds: 1,
      renewTime: microTime(clock.wallTime()),
    };
    await client
      .replace(RESOURCES.lease, { ...lease, spec }, { timeoutMs: 3000 })
      .then(() => this.#logger.info("gave the lease back"))
      .catch((error: unknown) => this.#logger.warn("lease not given back", { error: describeError(error) }));
  }

  #ageMs(): number {
    return this.#options.clock.now() - (this.#renewedAt ?? 0);
  }
}

function callTimeoutMs({ retryMs, renewDeadlineMs }: ElectionTimes): number {
  return Math.max(retryMs, renewDeadlineMs / 2);
}
