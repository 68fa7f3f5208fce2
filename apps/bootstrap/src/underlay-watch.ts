import type { Logger } from "@cluster-os/std";

export interface UnderlayWatchOptions {
  /** This machine's addresses in the local network, with their interfaces. */
  readonly addresses: () => readonly string[];
  /** Mesh addresses of the peers that there are. */
  readonly peers: () => readonly string[];
  /** Sends a packet to each of them through the mesh. */
  readonly nudge: (addresses: readonly string[]) => Promise<void>;
  readonly onMoved: () => void;
  readonly logger: Logger;
}

/**
 * Notices that this machine is somewhere else on its network: another lease, another cable, another access point. Every peer
 * is then sent a packet through the mesh at once. WireGuard follows the source of an authenticated packet, so all of them know
 * the new address within a round trip, before gossip tells them and however many they are.
 */
export class UnderlayWatch {
  readonly #options: UnderlayWatchOptions;
  #known: string | undefined;

  constructor(options: UnderlayWatchOptions) {
    this.#options = options;
  }

  async round(): Promise<void> {
    const { addresses, peers, nudge, onMoved, logger } = this.#options;
    const seen = [...addresses()].sort().join(" ");
    const before = this.#known;
    this.#known = seen;
    if (before === undefined || before === seen || seen === "") return;
    logger.info("addresses of this machine changed", { addresses: seen });
    onMoved();
    await nudge(peers());
  }
}
