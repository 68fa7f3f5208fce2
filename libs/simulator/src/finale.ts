import type { NodeId } from "@cluster-os/identity";
import { randomInteger, type Instant, type Rng } from "@cluster-os/std";
import { deathKnownWithinMs, LIVENESS_MS, whatIsMissing, whoContradicts, whoDisagrees } from "./ending.ts";
import type { FaultInjector } from "./fault-injector.ts";
import type { Focus } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import { InvariantViolation, type Clusters } from "./invariants.ts";
import type { Outcome } from "./options.ts";
import type { SimulatedApp } from "./simulated-app.ts";
import type { MachineRunner, SimulatedMachine } from "./simulated-machine.ts";
import type { SimulatedKubernetes } from "./simulated-kubernetes.ts";
import type { Timeline } from "./timeline.ts";
import type { Views } from "./views.ts";

export interface FinaleHost {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly fleet: Fleet;
  readonly runner: MachineRunner;
  readonly kubernetes: SimulatedKubernetes;
  readonly clusters: Clusters;
  readonly views: Views;
  readonly app: SimulatedApp;
  readonly faults: FaultInjector;
  readonly focus: Focus;
  readonly boot: (at: Instant) => void;
  readonly note: (what: string) => void;
}

const CHECK_EVERY_MS = 1_000;
/** A revoked machine is nobody's member after this, in milliseconds. */
const REVOKED_WITHIN_MS = 15_000;
/** What comes when all is well, each at most once and in this order, with its probability. */
const SEQUELS = { grow: 0.4, kill: 0.25, hiccup: 0.25, revoke: 0.25, watch: 0.2 } as const;
const WATCH_MS = 60_000;
/** A process that does not run for so long is not gone: nobody may hold it failed. */
const HICCUP_MS = 2_000;

/** Waits until all is well after the last fault, adds what only a healthy cluster goes through, and ends the history. */
export class Finale {
  readonly #host: FinaleHost;
  readonly #revoked = new Set<NodeId>();
  readonly #sequels: (keyof typeof SEQUELS)[];
  /** Nothing is expected to be well before. */
  #quietAt: Instant = 0;
  #watchUntil: Instant = 0;
  #convergedMs: number | undefined;
  outcome: Outcome | undefined;

  constructor(host: FinaleHost) {
    this.#host = host;
    const names = Object.keys(SEQUELS) as (keyof typeof SEQUELS)[];
    this.#sequels = host.focus === "all" ? names.filter((name) => host.rng.fraction() < SEQUELS[name]) : [];
  }

  begin(): void {
    this.#host.timeline.after(CHECK_EVERY_MS, () => this.#check());
  }

  disturbUntil(end: Instant): void {
    this.#quietAt = Math.max(this.#quietAt, end);
  }

  #check(): void {
    const { timeline, app } = this.#host;
    const { now } = timeline;
    timeline.after(CHECK_EVERY_MS, () => this.#check());
    app.talk();
    if (now < this.#quietAt) return;
    this.#measure(now);
    const missing = whatIsMissing(this.#scene);
    const needsPerson = missing !== undefined && this.#isPersonNeeded(now);
    if (missing !== undefined && !needsPerson) {
      if (now > this.#quietAt + LIVENESS_MS) throw new Error(`not well after the last fault: ${missing}`);
      return;
    }
    if (now < this.#watchUntil) return;
    const sequel = needsPerson ? undefined : this.#sequels.shift();
    if (sequel) return this.#play(sequel, now);
    this.#requireSound();
    this.#outcomeAt(now, needsPerson);
  }

  get #scene() {
    const { fleet, views, focus } = this.#host;
    return { fleet, views, focus, revoked: this.#revoked };
  }

  #measure(now: Instant): void {
    if (this.#convergedMs === undefined && whoDisagrees(this.#scene) === undefined)
      this.#convergedMs = now - this.#quietAt;
  }

  #play(sequel: keyof typeof SEQUELS, now: Instant): void {
    const { note, boot } = this.#host;
    switch (sequel) {
      case "grow":
        note("one more machine");
        return boot(now + 500);
      case "revoke":
        return this.#revoke(now);
      case "kill":
        return this.#kill(now);
      case "hiccup":
        return this.#hiccup(now);
      case "watch":
        note("all is well, and is to stay so");
        this.#watchUntil = now + WATCH_MS;
        return;
      default:
        sequel satisfies never;
    }
  }

  /** A server is told to revoke a member that does not serve. */
  #revoke(now: Instant): void {
    const { fleet, runner, views, clusters, note } = this.#host;
    const servers = new Set(clusters.all.flatMap(({ established }) => established?.servers ?? []));
    const candidates = fleet.all.filter(({ nodeId, isUp }) => isUp && !servers.has(nodeId));
    const victim = this.#pick(candidates);
    const server = fleet.all.find(
      ({ nodeId, isUp, clusterId }) => isUp && servers.has(nodeId) && clusterId === victim?.clusterId,
    );
    if (!victim || !server) return;
    note(`${server.number} revokes ${victim.number}`);
    this.#revoked.add(victim.nodeId);
    views.ban(victim.nodeId, now + REVOKED_WITHIN_MS);
    runner.step(server, { kind: "revoke", nodeId: victim.nodeId });
    this.#watchUntil = now + 2 * REVOKED_WITHIN_MS;
  }

  /** A machine crashes while nothing else is wrong, and comes back later: all others know within a bound. */
  #kill(now: Instant): void {
    const { fleet, timeline, faults, views } = this.#host;
    const victim = this.#pick(
      fleet.all.filter((machine) => machine.isUp && this.#peersOf(machine).length >= 2),
    );
    if (!victim) return;
    const withinMs = deathKnownWithinMs(fleet.all.length);
    views.watchDeath(victim.nodeId);
    faults.strike({ kind: "crash", at: now, ms: withinMs + 2_000, machine: victim.number, isMidStep: false });
    timeline.after(withinMs, () => views.requireDeathKnown(victim, this.#peersOf(victim)));
  }

  /** The other members of its cluster that are up; nobody for a machine that is revoked. */
  #peersOf({ nodeId: self, homeId }: SimulatedMachine): readonly SimulatedMachine[] {
    if (this.#revoked.has(self)) return [];
    return this.#host.fleet.all.filter(
      ({ nodeId, clusterId }) =>
        nodeId !== self && !this.#revoked.has(nodeId) && clusterId !== undefined && clusterId === homeId,
    );
  }

  #hiccup(now: Instant): void {
    const { fleet, runner, note } = this.#host;
    const victim = this.#pick(fleet.all.filter(({ isUp }) => isUp));
    if (!victim) return;
    note(`${victim.number} does not run for ${HICCUP_MS} ms`);
    runner.freeze(victim, HICCUP_MS);
    this.#watchUntil = now + 10 * HICCUP_MS;
  }

  #pick(machines: readonly SimulatedMachine[]): SimulatedMachine | undefined {
    return machines[randomInteger(this.#host.rng, machines.length)];
  }

  /** The limit that formation states: the initialiser is lost for good, and those who joined it may not vote. */
  #isPersonNeeded(now: Instant): boolean {
    const { fleet, clusters } = this.#host;
    if (!fleet.all.some(({ isLost }) => isLost) || clusters.all.some(({ established }) => established))
      return false;
    const isStuck = fleet.all.some(({ isLost, protocol }) =>
      isLost ? false : protocol?.status.diagnostics.some(({ kind }) => kind === "initialiser-lost"),
    );
    return isStuck && now > this.#quietAt + LIVENESS_MS / 2;
  }

  /** What must hold at the end of any history. */
  #requireSound(): void {
    const { fleet, clusters, kubernetes } = this.#host;
    for (const { protocol, clusterId } of fleet.all) {
      if (clusterId === undefined) continue;
      for (const { nodeId, index } of protocol?.roster?.entries() ?? [])
        clusters.of(clusterId).noteIndex(nodeId, index);
    }
    for (const { established } of clusters.all) {
      if (!established) continue;
      const voters = established.servers.filter((nodeId) =>
        kubernetes.isVoter(fleet.find(nodeId).number, established.epoch),
      );
      if (voters.length * 2 <= established.servers.length)
        throw new InvariantViolation(`only ${voters.length} servers are voters of the established epoch`);
      const stale = established.servers
        .map((nodeId) => fleet.find(nodeId))
        .find(({ number, isUp }) => isUp && kubernetes.isStale(number, established.epoch));
      if (stale) throw new InvariantViolation(`${stale.number} keeps what it began under a former epoch`);
    }
    const contradiction = this.#host.focus === "all" ? whoContradicts(this.#scene) : undefined;
    if (contradiction !== undefined) throw new InvariantViolation(contradiction);
  }

  #outcomeAt(now: Instant, needsPerson: boolean): void {
    const { clusters, runner } = this.#host;
    const epochs = Math.max(0, ...clusters.all.map(({ established }) => established?.epoch ?? 0)) + 1;
    this.outcome = {
      durationMs: now,
      convergedMs: this.#convergedMs ?? now - this.#quietAt,
      steps: runner.steps,
      epochs,
      clusters: clusters.all.length,
      needsPerson,
    };
  }
}
