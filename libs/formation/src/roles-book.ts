import {
  openRoles,
  signRoles,
  type Authority,
  type RolesPayload,
  type RolesDecision,
} from "@cluster-os/admission";
import { signingKeyFromSeed } from "@cluster-os/identity";
import type { NodeStore } from "./state.ts";

/** The key under which the record is gossiped. */
export const ROLES_KEY = "roles";

/** Who runs the control plane, by the newest record this node has seen; undefined until the first change after genesis. */
export class RolesBook {
  readonly #authority: Authority;
  readonly #store: NodeStore;
  #inForce: RolesPayload | undefined;

  constructor(authority: Authority, store: NodeStore) {
    this.#authority = authority;
    this.#store = store;
    const { roles } = store.state;
    if (roles) this.#inForce = openRoles(roles, authority).payload;
  }

  get inForce(): RolesPayload | undefined {
    return this.#inForce;
  }

  /** Takes a record to heart if it is newer, on disk before anything follows from it; gives its epoch. */
  learn(bytes: Uint8Array): number {
    const { payload } = openRoles(bytes, this.#authority);
    if (payload.epoch > (this.#inForce?.epoch ?? 0)) {
      this.#store.change({ roles: bytes });
      this.#inForce = payload;
    }
    return payload.epoch;
  }

  /** On a server: the record of what etcd decided; undefined for what is known, and without the authority's key. */
  sign(decision: RolesDecision): Uint8Array | undefined {
    const seed = this.#store.state.authoritySeed;
    if (!seed || decision.epoch <= (this.#inForce?.epoch ?? 0)) return undefined;
    const { epoch, servers, decidedAt } = decision;
    const { clusterId } = this.#authority;
    return signRoles({ clusterId, epoch, servers: [...servers], decidedAt }, signingKeyFromSeed(seed));
  }
}
