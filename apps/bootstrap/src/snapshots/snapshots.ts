import type { NodeId } from "@cluster-os/identity";
import { describeError, type Clock, type Logger } from "@cluster-os/std";
import { chooseHolders, isSnapshotDue, type Holder } from "./plan.ts";
import type { SnapshotStore } from "./store.ts";

export interface SnapshotsOptions {
  readonly store: Pick<SnapshotStore, "list" | "take" | "prune" | "path">;
  /** Whether this machine is the ready server that holds the control Lease. */
  readonly leads: () => boolean;
  /** Undefined without the authority's key. */
  readonly key: () => Uint8Array | undefined;
  readonly intervalMs: number;
  /** Writes all that is in etcd to a path. */
  readonly save: (path: string, signal: AbortSignal) => Promise<void>;
  /** The other machines that live. */
  readonly others: () => readonly (Holder & { readonly nodeId: NodeId; readonly address: string })[];
  readonly send: (
    to: { readonly nodeId: NodeId; readonly address: string },
    copy: { readonly name: string; readonly path: string },
    signal: AbortSignal,
  ) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes a snapshot of etcd now and then, and sees to it that two other machines have a copy of the newest. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  /** Copies that this process saw arrive. */
  readonly #copied = new Set<string>();

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  async round(signal: AbortSignal): Promise<void> {
    const { store, leads, key, intervalMs, save, clock } = this.#options;
    const secret = key();
    if (!leads() || !secret) return;
    const now = clock.wallTime();
    if (isSnapshotDue(await store.list(), { now, intervalMs })) {
      await store.take(now, secret, (path) => save(path, signal));
      await store.prune(now);
    }
    const [newest] = await store.list();
    if (newest) await this.#copy(newest.name, signal);
  }

  async #copy(name: string, signal: AbortSignal): Promise<void> {
    const { store, others, send, logger } = this.#options;
    for (const holder of chooseHolders(others())) {
      const copy = `${name} ${holder.nodeId}`;
      if (this.#copied.has(copy)) continue;
      try {
        await send(holder, { name, path: store.path(name) }, signal);
        this.#copied.add(copy);
      } catch (error) {
        signal.throwIfAborted();
        logger.warn("a copy of a snapshot did not arrive; tried again", {
          name,
          error: describeError(error),
        });
      }
    }
  }
}
