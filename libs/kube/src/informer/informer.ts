import {
  type BackoffPolicy,
  type Clock,
  describeError,
  type Instant,
  type Logger,
  type Rng,
} from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import type { KubeClient, Selection } from "../client/client.ts";
import { KubeError } from "../client/error.ts";
import { keyOf, type KubeObject } from "../object.ts";
import type { Resource } from "../resource.ts";
import { type Act, BACKOFF, type Ending, isSeen, planNext, STALE_LISTS } from "./plan.ts";
import { type Indexers, Store } from "./store.ts";

/** What an informer tells of itself as it happens. */
export interface InformerMetrics {
  /** A complete list was taken. */
  listed(resource: string): void;
  /** A list or a watch failed. */
  failed(resource: string, error: KubeError): void;
  /** An audit found so many differences: events that were lost. */
  missed(resource: string, count: number): void;
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly selection?: Selection;
  readonly indexers?: Indexers<T>;
  /**
   * Keep `metadata.managedFields`, which {@link isApplied} needs. They often take more memory than the object, so they
   * are dropped otherwise.
   */
  readonly keepManagedFields?: boolean;
  /**
   * What of an object is kept: at least its metadata, which tells versions apart. Default: all. A thousand objects of
   * which a part is never looked at can take more memory than the process has.
   */
  readonly keep?: (object: T) => T;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics?: InformerMetrics;
  /** Items of one page of a list. Default 500; fewer for large objects, since a page is in memory as text first. */
  readonly pageSize?: number;
  /**
   * How long a watch lasts before the server ends it, in milliseconds; up to a tenth more. Default 20 s: its end is the only
   * thing that a server which lives is sure to send on a quiet resource (bookmarks are not promised), and a new watch from
   * there costs it next to nothing.
   */
  readonly watchMs?: number;
  /** A watch that is silent for so long is dead, in milliseconds; more than {@link watchMs} and its tenth. Default 25 s. */
  readonly inactivityMs?: number;
  /** Every so often, at the end of a watch, everything is compared, in milliseconds. Default 10 min. */
  readonly auditEveryMs?: number;
  /** Between two tries when the API fails. Default: 100 ms at first, 30 s at most. */
  readonly backoff?: BackoffPolicy;
}

/** A watch that held for so long was a good one, though nothing may have happened. */
const HELD_MS = 5000;

/**
 * Keeps a {@link Store} of a resource's objects in step with the API: one list, then watches, each from where the last one
 * ended. No failure ends it, and none makes it forget where it was.
 */
export class Informer<T extends KubeObject> implements AsyncDisposable {
  readonly store: Store<T>;
  readonly #options: InformerOptions<T>;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  /** All events up to this version are in the store. */
  #version: string | undefined;
  #failures = 0;
  #auditAt: Instant;

  constructor(options: InformerOptions<T>) {
    const { resource, indexers, clock, logger } = options;
    this.#options = options;
    this.#logger = logger.child({ resource: resource.plural });
    this.#auditAt = clock.now() + this.#jittered(options.auditEveryMs ?? 600_000);
    this.store = new Store<T>({
      ...(indexers !== undefined && { indexers }),
      onHandlerError: (error) => this.#logger.error("a handler threw", { error: describeError(error) }),
    });
    // Nobody may be waiting when it is stopped.
    this.#synced.promise.catch(() => {});
  }

  get resource(): Resource<T> {
    return this.#options.resource;
  }

  get hasSynced(): boolean {
    return this.store.hasSynced;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the store first holds everything; rejects when the informer is stopped before. */
  synced(): Promise<void> {
    return this.#synced.promise;
  }

  async stop(): Promise<void> {
    const reason = new Error(`the informer of ${this.resource.plural} was stopped`);
    this.#synced.reject(reason);
    this.#stop.abort(reason);
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { rng, clock, backoff = BACKOFF } = this.#options;
    for (let act: Act = "list"; ;) {
      const begun = clock.now();
      const ending = await this.#carryOut(act);
      if (signal.aborted) return;
      if (act === "watch" && clock.now() - begun > HELD_MS) this.#failures = 0;
      const isAuditDue = clock.now() >= this.#auditAt;
      const next = planNext(act, ending, { failures: this.#failures, isAuditDue, backoff }, rng);
      this.#failures = next.failures;
      if (ending instanceof KubeError) this.#tellFailure(act, ending, next);
      act = next.act;
      if (next.afterMs > 0) await delay(next.afterMs, signal).catch(() => {});
      if (signal.aborted) return;
    }
  }

  async #carryOut(act: Act): Promise<Ending> {
    try {
      switch (act) {
        case "list":
          return await this.#list();
        case "audit":
          return await this.#audit();
        case "watch":
          return await this.#watch();
        default:
          return act satisfies never;
      }
    } catch (error) {
      if (error instanceof KubeError) return error;
      // A mistake of ours must not end the informer either.
      return new KubeError(`cannot ${act} ${this.resource.plural}`, { reason: "Unknown" }, { cause: error });
    }
  }

  async #list(): Promise<Ending> {
    const { objects, version } = await this.#pages({});
    // Taken from a server that lags behind: it would turn the store back in time.
    const isStale = isSeen(version, this.#version) && version !== this.#version;
    if (isStale && this.#failures < STALE_LISTS) return "stale";
    this.store.replace(objects);
    this.#version = version;
    this.store.markSynced();
    this.#synced.resolve();
    this.#options.metrics?.listed(this.resource.plural);
    return "done";
  }

  async #audit(): Promise<Ending> {
    const { clock, auditEveryMs = 600_000, metrics } = this.#options;
    this.#auditAt = clock.now() + this.#jittered(auditEveryMs);
    const { objects } = await this.#pages({ resourceVersion: this.#version, resourceVersionMatch: "Exact" });
    const missed = this.store.replace(objects);
    metrics?.missed(this.resource.plural, missed);
    if (missed > 0) this.#logger.error("events were lost", { missed });
    return "done";
  }

  async #pages(at: {
    readonly resourceVersion?: string | undefined;
    readonly resourceVersionMatch?: "Exact";
  }) {
    const { client, resource, selection, pageSize = 500 } = this.#options;
    const { signal } = this.#stop;
    const objects: T[] = [];
    for (let next: string | undefined; ;) {
      // The token says which version the other pages are of; naming it again is refused.
      const from = next === undefined ? at : { continue: next };
      const page = await client.list(resource, { ...selection, ...from, limit: pageSize, signal });
      for (const object of page.items) objects.push(this.#trim(object));
      next = page.metadata.continue || undefined;
      if (next === undefined) return { objects, version: page.metadata.resourceVersion };
    }
  }

  async #watch(): Promise<Ending> {
    const { client, resource, selection, watchMs = 20_000, inactivityMs = 25_000, clock } = this.#options;
    const begun = clock.now();
    let hasSpoken = false;
    const events = client.watch(resource, {
      ...selection,
      ...(this.#version !== undefined && { resourceVersion: this.#version }),
      inactivityMs,
      timeoutSeconds: Math.max(1, Math.round(this.#jittered(watchMs) / 1000)),
      allowWatchBookmarks: true,
      signal: this.#stop.signal,
    });
    for await (const { type, object } of events) {
      hasSpoken = true;
      this.#failures = 0;
      const version = object.metadata.resourceVersion;
      // Events come in order, so one that is not new was sent twice.
      if (version === undefined || isSeen(version, this.#version)) continue;
      if (type === "DELETED") this.store.delete(keyOf(object.metadata), this.#trim(object));
      else if (type !== "BOOKMARK") this.store.put(this.#trim(object));
      this.#version = version;
    }
    return hasSpoken || clock.now() - begun > 1000 ? "done" : "stalled";
  }

  #trim(object: T): T {
    const { keepManagedFields = false, keep = (all: T): T => all } = this.#options;
    if (keepManagedFields || object.metadata.managedFields === undefined) return keep(object);
    const { managedFields: _, ...metadata } = object.metadata;
    return keep({ ...object, metadata });
  }

  #jittered(ms: number): number {
    return ms * (1 + this.#options.rng.fraction() / 10);
  }

  #tellFailure(
    act: Act,
    error: KubeError,
    next: { readonly failures: number; readonly afterMs: number },
  ): void {
    this.#options.metrics?.failed(this.resource.plural, error);
    const { failures, afterMs } = next;
    const fields = { act, failures, afterMs, error: describeError(error) };
    if (error.isExpired) this.#logger.info("too far behind, taking everything anew", fields);
    else this.#logger.warn("the API failed, trying again", fields);
  }
}
