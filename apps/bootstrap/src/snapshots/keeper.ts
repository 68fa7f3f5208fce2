import { durationMs, type ClusterConfigFile } from "@cluster-os/api";
import type { NodeId } from "@cluster-os/identity";
import type { Distribution } from "@cluster-os/kubernetes";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import type { PeerApiClient } from "../peer-api/client.ts";
import type { PeerHandler } from "../peer-api/protocol.ts";
import type { ControlPlane } from "../server/control-plane.ts";
import type { Trust } from "../server/desk.ts";
import type { View } from "../view.ts";
import { sendSnapshot, snapshotReceiver } from "./copies.ts";
import { snapshotKey } from "./sealed-file.ts";
import { Snapshots } from "./snapshots.ts";
import { SnapshotStore } from "./store.ts";

const DEFAULT_INTERVAL_MS = 3_600_000;

export interface SnapshotKeeperOptions {
  readonly self: NodeId;
  readonly folder: string;
  readonly config: ClusterConfigFile;
  readonly view: View;
  readonly distribution: Pick<Distribution, "snapshot" | "name">;
  readonly controlPlane: () => Pick<ControlPlane, "leads">;
  readonly trust: Pick<Trust, "authoritySeed" | "genesis">;
  readonly peers: Pick<PeerApiClient, "ask">;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** Snapshots on this machine: those it takes, those it keeps for others, and how one is opened. */
export class SnapshotKeeper {
  readonly store: SnapshotStore;
  /** Takes what other servers hand over. */
  readonly handler: PeerHandler;
  readonly #options: SnapshotKeeperOptions;
  readonly #snapshots: Snapshots;

  constructor(options: SnapshotKeeperOptions) {
    const { self, folder, config, view, distribution, controlPlane, peers, clock, rng, logger } = options;
    this.#options = options;
    const store = new SnapshotStore(folder, rng, logger);
    this.store = store;
    this.handler = snapshotReceiver({
      path: (name) => store.path(name),
      isServer: (nodeId) => view.isServer(nodeId),
      onReceived: async (name) => {
        logger.info("a copy of a snapshot has come", { name });
        await store.prune(clock.wallTime());
      },
    });
    this.#snapshots = new Snapshots({
      store,
      // k3s takes its own.
      leads: () => distribution.name !== "k3s" && controlPlane().leads,
      key: () => this.key,
      intervalMs:
        config.snapshotInterval === undefined ? DEFAULT_INTERVAL_MS : durationMs(config.snapshotInterval),
      save: (path, signal) => distribution.snapshot(path, signal),
      others: () => livingOthers(view, self),
      send: ({ nodeId, address }, copy, signal) =>
        sendSnapshot({ peers, to: nodeId, address, ...copy, signal }),
      clock,
      logger,
    });
  }

  /** What seals and opens them; undefined on who is no server. */
  get key(): Uint8Array | undefined {
    const { trust } = this.#options;
    const [seed, genesis] = [trust.authoritySeed(), trust.genesis()];
    return seed && genesis && snapshotKey(seed, genesis.clusterId);
  }

  round(signal: AbortSignal): Promise<void> {
    return this.#snapshots.round(signal);
  }

  /** In clear, at the path that it gives, until the next one is opened. */
  open(name: string): Promise<string> {
    const { key } = this;
    if (!key) throw new Error("only a server can open a snapshot");
    return this.store.open(name, key);
  }
}

function livingOthers(view: View, self: NodeId) {
  return view
    .members()
    .filter(({ member }) => member.status === "alive" && member.nodeId !== self)
    .map(({ member: { nodeId }, index, meshAddress }) => ({
      nodeId,
      index,
      address: meshAddress,
      isServer: view.isServer(nodeId),
    }));
}
