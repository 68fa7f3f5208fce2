import type { ReplicaId } from "./manifest.ts";

/** Hears what another replica says. */
export type Hearer = (from: ReplicaId, bytes: Uint8Array) => void;

/**
 * How replicas reach each other. Messages may be lost and be late; none is changed, and `from` is proven. Those of one machine to
 * another come in their order as long as none is lost.
 */
export interface Transport {
  /** Never waits and never throws: what cannot be sent is lost. */
  send(to: ReplicaId, bytes: Uint8Array): void;
  /** Any number may listen, each to what it knows by name. */
  listen(hear: Hearer): Disposable;
}

/** Replicas in one process. */
export class MemoryNetwork {
  readonly #hearers = new Map<ReplicaId, Set<Hearer>>();
  /** Who hears nobody and is heard by nobody. */
  readonly away = new Set<ReplicaId>();

  join(self: ReplicaId): Transport {
    const own = new Set<Hearer>();
    this.#hearers.set(self, own);
    return {
      send: (to, bytes) => {
        if (this.away.has(self)) return;
        queueMicrotask(() => this.#deliver(self, to, Uint8Array.from(bytes)));
      },
      listen: (hear) => {
        own.add(hear);
        return { [Symbol.dispose]: () => void own.delete(hear) };
      },
    };
  }

  #deliver(from: ReplicaId, to: ReplicaId, bytes: Uint8Array): void {
    if (this.away.has(to)) return;
    for (const hear of this.#hearers.get(to) ?? []) hear(from, bytes);
  }
}
