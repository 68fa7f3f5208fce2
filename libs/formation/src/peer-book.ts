import type { NodeId } from "@cluster-os/identity";
import type { Member } from "@cluster-os/membership";
import type { Instant } from "@cluster-os/std";
import type { Peer } from "./context.ts";
import type { NodeStore } from "./state.ts";

export interface PeerBookOptions {
  readonly self: NodeId;
  readonly store: NodeStore;
  readonly lazyPersistMs: number;
}

const SERVER_ROLE = "server";
const MAX_REMEMBERED_PEERS = 64;

/** The other members, as formation sees them, and where they were last, for the next start. */
export class PeerBook {
  readonly #options: PeerBookOptions;
  /** The last answer of `among`, and what it was made of: it is asked for at every step. */
  #known:
    | {
        readonly members: readonly Member[];
        readonly servers: readonly NodeId[];
        readonly peers: readonly Peer[];
      }
    | undefined;

  constructor(options: PeerBookOptions) {
    this.#options = options;
  }

  among(members: readonly Member[], servers: readonly NodeId[]): readonly Peer[] {
    if (this.#known?.members !== members || this.#known.servers !== servers)
      this.#known = { members, servers, peers: peersAmong(members, servers, this.#options.self) };
    return this.#known.peers;
  }

  remember({ nodeId, address, status }: Member, now: Instant): void {
    if (status !== "alive" || address === "") return;
    const { store, lazyPersistMs } = this.#options;
    const { peers } = store.state;
    if (peers.some(([known, at]) => known === nodeId && at === address)) return;
    const others = peers.filter(([known]) => known !== nodeId).slice(0, MAX_REMEMBERED_PEERS - 1);
    store.changeLazily({ peers: [[nodeId, address], ...others] }, now + lazyPersistMs);
  }
}

function peersAmong(members: readonly Member[], servers: readonly NodeId[], self: NodeId): readonly Peer[] {
  return members
    .filter(({ nodeId }) => nodeId !== self)
    .map(({ nodeId, status, address, description }) => ({
      nodeId,
      address,
      isAlive: status === "alive" || status === "suspect",
      isServer: servers.includes(nodeId) || (description?.roles.includes(SERVER_ROLE) ?? false),
      sealingKey: description?.sealingKey,
      ringKeyId: description?.ringKeyId,
    }));
}
