import {
  openJoinKey,
  signJoinKey,
  type Authority,
  type JoinKeyDecision,
  type JoinKeyPayload,
} from "@cluster-os/admission";
import { signingKeyFromSeed } from "@cluster-os/identity";
import type { NodeStore } from "./state.ts";

/** The key under which the record is gossiped. */
export const JOIN_KEY_KEY = "join-key";

/** The join key in force, by the newest record this node has seen; undefined as long as there is only what sticks have. */
export class JoinKeyBook {
  readonly #authority: Authority;
  readonly #store: NodeStore;
  #inForce: JoinKeyPayload | undefined;

  constructor(authority: Authority, store: NodeStore) {
    this.#authority = authority;
    this.#store = store;
    const { joinKey } = store.state;
    if (joinKey) this.#inForce = openJoinKey(joinKey, authority).payload;
  }

  get inForce(): JoinKeyPayload | undefined {
    return this.#inForce;
  }

  /** Takes a record to heart if it is newer; gives its sequence. */
  learn(bytes: Uint8Array): number {
    const { payload } = openJoinKey(bytes, this.#authority);
    if (payload.sequence > (this.#inForce?.sequence ?? 0)) {
      this.#store.change({ joinKey: bytes });
      this.#inForce = payload;
    }
    return payload.sequence;
  }

  /** On a server: the record of what etcd decided; undefined for what is known, and without the authority's key. */
  sign(decision: JoinKeyDecision): Uint8Array | undefined {
    const seed = this.#store.state.authoritySeed;
    if (!seed || decision.sequence <= (this.#inForce?.sequence ?? 0)) return undefined;
    const { sequence, key, retired, createdAt } = decision;
    const { clusterId } = this.#authority;
    return signJoinKey(
      { clusterId, sequence, key, retired: [...retired], createdAt },
      signingKeyFromSeed(seed),
    );
  }
}
