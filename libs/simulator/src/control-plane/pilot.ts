import { AutopilotWatch, DEFAULT_AUTOPILOT_POLICY, type AutopilotSnapshot } from "@cluster-os/election";
import type { Journal } from "./journal.ts";
import type { ModelMachine, ModelRules } from "./model.ts";
import type { World } from "./world.ts";

const POLICY = { ...DEFAULT_AUTOPILOT_POLICY, graceMs: 60_000, joinPatienceMs: 120_000 };
/** What a server has not looked at for so long it does not take for unchanged, in milliseconds. */
const STALE_AFTER_MS = 15_000;

/** The servers' autopilot: all of them watch, the holder of the Lease acts. */
export class Pilot {
  readonly #world: World;
  readonly #rules: ModelRules;
  readonly #journal: Journal;
  readonly #watches: ReadonlyMap<ModelMachine, AutopilotWatch>;
  #leader: ModelMachine | undefined;

  constructor(world: World, rules: ModelRules, journal: Journal) {
    this.#world = world;
    this.#rules = rules;
    this.#journal = journal;
    this.#watches = new Map(world.machines.map((one) => [one, new AutopilotWatch(STALE_AFTER_MS)]));
  }

  /** One round of one server. */
  round(one: ModelMachine): void {
    const { etcd, now } = this.#world;
    // Without a majority the API answers nothing: neither the roles nor the Lease.
    if (!etcd.voters.includes(one.nodeId) || !this.#world.isServed(one)) return;
    if (etcd.epoch > one.epoch) Object.assign(one, { epoch: etcd.epoch, servers: etcd.servers });
    const observed = this.#watches.get(one)?.look(this.#snapshot(one), now);
    if (!observed || !this.#holdsLease(one)) return;
    const { action, reason } = this.#rules.plan({ ...observed, policy: POLICY }, now);
    if (action.kind === "none") return;
    if (action.kind === "bury") this.#journal.change("bury", () => etcd.remove(action.nodeId));
    else etcd.decide(action);
    Object.assign(one, { epoch: etcd.epoch, servers: etcd.servers });
    this.#journal.decided(action.kind, reason);
  }

  #snapshot(one: ModelMachine): AutopilotSnapshot {
    const world = this.#world;
    return {
      nodes: world.machines.map((other) => {
        const isFailed = world.isFailed(one, other);
        return {
          nodeId: other.nodeId,
          rank: other.rank,
          isAlive: !isFailed,
          isFailed,
          isReady: !isFailed && other.joining === "no",
          isRetiring: other.isRetiring,
        };
      }),
      servers: world.etcd.servers,
      epoch: world.etcd.epoch,
      voters: world.etcd.members.map(({ nodeId, isLearner }) => ({
        nodeId,
        isLearner,
        isHealthy: world.answers(one, nodeId),
      })),
    };
  }

  #holdsLease(one: ModelMachine): boolean {
    const { etcd } = this.#world;
    const leader = this.#leader;
    // It is renewed by a server that runs and whose API answers; who became a worker renews it no more.
    const isHeld =
      leader !== undefined &&
      etcd.voters.includes(leader.nodeId) &&
      this.#world.isUp(leader) &&
      this.#world.isServed(leader);
    if (!isHeld) this.#leader = one;
    return this.#leader === one;
  }
}
