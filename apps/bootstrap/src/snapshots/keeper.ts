import { durationMs, type ClusterConfigFile } from "@cluster-os/api";
import type { NodeId } from "@cluster-os/identity";
import type { Distribution } from "@cluster-os/kubernetes";
import type { MemberStatus } from "@cluster-os/membership";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import type { Holder } from "../files/fetching.ts";
import type { PeerApiClient } from "../peer-api/client.ts";
import type { PeerHandler } from "../peer-api/protocol.ts";
import type { ControlPlane } from "../server/control-plane.ts";
import type { Trust } from "../server/desk.ts";
import type { View } from "../view.ts";
import { sendSnapshot, SNAPSHOT_TOPIC, snapshotReceiver } from "./copies.ts";
import { fetchSnapshot, listSnapshots, snapshotSource } from "./fetching.ts";
import { SnapshotPieces } from "./pieces.ts";
import { snapshotKey, verifyFile } from "./sealed-file.ts";
import { Snapshots } from "./snapshots.ts";
import { SnapshotStore } from "./store.ts";

const DEFAULT_INTERVAL_MS = 3_600_000;

export interface SnapshotKeeperOptions {
  readonly self: NodeId;
  readonly folder: string;
  readonly config: ClusterConfigFile;
  readonly view: Pick<View, "members" | "isServer">;
  readonly distribution: Pick<Distribution, "snapshot" | "name">;
  readonly controlPlane: () => Pick<ControlPlane, "leads">;
  readonly trust: Pick<Trust, "authoritySeed" | "genesis">;
  readonly peers: Pick<PeerApiClient, "ask">;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** A machine that keeps snapshots, by name, and which. */
export interface KeptElsewhere {
  readonly holder: string;
  readonly names: readonly string[];
}

/** Another machine has so long to give a piece of a snapshot, in milliseconds. */
const PIECE_MS = 10_000;

/** Snapshots on this machine: those it takes, those it keeps for others, and how one is opened. */
export class SnapshotKeeper {
  readonly store: SnapshotStore;
  /** By topic: takes what other servers hand over, and gives servers what they ask for. */
  readonly handlers: Readonly<Record<string, PeerHandler>>;
  readonly #options: SnapshotKeeperOptions;
  readonly #snapshots: Snapshots;

  constructor(options: SnapshotKeeperOptions) {
    const { self, folder, config, view, distribution, controlPlane, peers, clock, rng, logger } = options;
    this.#options = options;
    const store = new SnapshotStore(folder, rng, logger);
    this.store = store;
    const isServer = (nodeId: NodeId): boolean => view.isServer(nodeId);
    const receive = snapshotReceiver({
      pieces: new SnapshotPieces((name) => store.path(name)),
      isServer,
      onReceived: async (name) => {
        logger.info("a copy of a snapshot has come", { name });
        await store.prune(clock.wallTime());
      },
    });
    this.handlers = { [SNAPSHOT_TOPIC]: receive, ...snapshotSource({ store, isServer }) };
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

  /** What the other machines keep that live and answer in time. */
  async keptElsewhere(signal: AbortSignal): Promise<readonly KeptElsewhere[]> {
    const { peers } = this.#options;
    const answers = this.#others().map(async (holder) => ({
      holder: holder.name,
      names: await listSnapshots(peers, holder, signal).catch((): readonly string[] => []),
    }));
    return Promise.all(answers);
  }

  /**
   * In clear, at the path that it gives, until the next one is opened. One that does not lie here is fetched from the first of
   * the named machines that has it whole.
   */
  async open(name: string, holders: readonly string[] = []): Promise<string> {
    const { key, store } = this;
    if (!key) throw new Error("only a server can open a snapshot");
    const isHere = (await store.list()).some((one) => one.name === name);
    if (!isHere) await this.#fetch(name, holders, key);
    return store.open(name, key);
  }

  async #fetch(name: string, holders: readonly string[], key: Uint8Array): Promise<void> {
    const { peers, config, logger } = this.#options;
    const path = this.store.path(name);
    await fetchSnapshot({
      peers,
      name,
      path,
      holders: this.#others().filter((other) => holders.includes(other.name)),
      verify: (draft) => verifyFile(draft, key),
      signal: () => AbortSignal.timeout(PIECE_MS * (config.patience ?? 1)),
    });
    logger.info("a snapshot was fetched", { name });
  }

  #others(): readonly Holder[] {
    const { view, self } = this.#options;
    // Who is doubted may live.
    return livingOthers(view, self, ["alive", "suspect"]);
  }
}

function livingOthers(
  view: SnapshotKeeperOptions["view"],
  self: NodeId,
  statuses: readonly MemberStatus[] = ["alive"],
) {
  return view
    .members()
    .filter(({ member }) => statuses.includes(member.status) && member.nodeId !== self)
    .map(({ member: { nodeId, name }, index, meshAddress }) => ({
      nodeId,
      name,
      index,
      address: meshAddress,
      isServer: view.isServer(nodeId),
    }));
}
