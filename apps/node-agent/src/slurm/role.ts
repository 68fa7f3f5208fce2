import type { SlurmNodeStatus } from "@cluster-os/api";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import { delay } from "@cluster-os/std/drivers";
import { ControllerRole, type ControllerMachine, type SlurmKube } from "./controller-role.ts";
import { switchInMs } from "./keys.ts";
import { describeAction, planSlurm, type SlurmAction, type SlurmObserved } from "./plan.ts";
import { isReportWhole, slurmReport, type ControllerView, type NodeSight } from "./report.ts";
import type { SlurmState } from "./state.ts";
import { NO_PART, wishOf, type ControllerWish, type Self, type SlurmSeen, type SlurmWish } from "./wish.ts";

/** This machine, as far as SLURM's roles touch it. */
export interface SlurmMachine extends ControllerMachine {
  observe(signal: AbortSignal): Promise<SlurmObserved>;
  act(action: SlurmAction, signal: AbortSignal): Promise<void>;
  /** This node as SLURM sees it. */
  view(node: string, signal: AbortSignal): Promise<NodeSight>;
  /** Brings SLURM's drains to what is wished, and tells what slurmctld knows. */
  manage(drains: ControllerWish["drains"], signal: AbortSignal): Promise<ControllerView>;
}

export interface SlurmRoleOptions {
  readonly machine: SlurmMachine;
  /** This machine's copy of the controller's state. */
  readonly state: SlurmState;
  readonly self: (signal: AbortSignal) => Promise<Self>;
  /** How many times slower than usual the machine is. */
  readonly patience: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An instant that is as near as this is waited for. */
const SWITCH_MS = 1000;
/** SLURM answers for one node this often; a thousand nodes ask it. */
const VIEW_MS = 15_000;
/** And for all of them where it runs. */
const MANAGE_MS = 4000;
/** For so long after its start an agent that does not know everything of its machine again lets stand what it reported before. */
const SETTLE_MS = 20_000;
/** slurmd has registered when it is up for so long; one that slurmctld does not know then, or gave up, is started anew. */
const FORGOTTEN_MS = 20_000;
/** Each time that this did not help it waits for twice as long, so many times. */
const FORGOTTEN_DOUBLINGS = 5;
const UNKNOWN_VIEW = { states: ["UNKNOWN"], reason: "slurmctld does not know this node" };
/** The machine is looked at this often though nothing changed in the API. */
const LOOK_MS = 3000;

/** Brings this machine to its part in SLURM, and vouches for the controller where it is this machine's. */
export class SlurmRole {
  readonly #options: SlurmRoleOptions;
  readonly #controller: ControllerRole;
  #wish: SlurmWish | undefined;
  #problems: readonly string[] = [];
  #known = "";
  /** At the last look, another key was to sign from an instant on. */
  #awaitsSwitch = false;
  #playedAt: Instant = Number.NEGATIVE_INFINITY;
  /** Undefined until there was a round, and while what is reported is older than the last one. */
  #lookedAt: Instant | undefined;
  #firstLookAt: Instant | undefined;
  #viewedAt: Instant = Number.NEGATIVE_INFINITY;
  #managedAt: Instant = Number.NEGATIVE_INFINITY;
  #view: SlurmNodeStatus["view"];
  /** Since when slurmctld answers, and does not know this node or has given it up, though slurmd runs. */
  #forgottenSince: Instant | undefined;
  /** How often slurmd was started anew for that, since it was last well. */
  #registrations = 0;
  #controllerView: ControllerView | undefined;
  #report: SlurmNodeStatus | undefined;

  constructor(options: SlurmRoleOptions) {
    this.#options = options;
    this.#controller = new ControllerRole(options);
  }

  /** What is reported of this machine; undefined before it is known. */
  report(): SlurmNodeStatus | undefined {
    return this.#report;
  }

  /** While it is so, time counts: rounds should come quickly. */
  get isTakingOver(): boolean {
    return this.#controller.isTakingOver(this.#wish?.controller);
  }

  /** One round: look at the API and the machine, and do what is to be done. */
  async round(kube: SlurmKube, signal: AbortSignal): Promise<void> {
    const { clock, self } = this.#options;
    const seen = kube.seen();
    if (!seen) return;
    const wallTimeMs = clock.wallTime();
    const known = [versionsOf(seen), this.#controller.progress(this.#wish?.controller)].join();
    const switchMs = this.#wish && switchInMs(this.#wish.keys, wallTimeMs);
    const isNear = switchMs !== undefined && switchMs < SWITCH_MS;
    const hasPassed = this.#awaitsSwitch && switchMs === undefined;
    // Until slurmctld has ended and all is saved, nothing in the API tells how far that is.
    const isLeaving = this.#wish?.controller?.lease.isReleaseWanted === true;
    const isDue = isNear || hasPassed || isLeaving || clock.now() - this.#playedAt >= LOOK_MS;
    if (known === this.#known && !isDue) return;
    // On the instant and not a look later: a message between two machines of which one has changed its key is refused.
    if (isNear) await delay(switchMs + 1, signal);
    this.#playedAt = clock.now();
    const wish = wishOf(seen, await self(signal));
    // What the API does not say changes nothing here; the controller's deadline comes all the same.
    if (wish === undefined) return;
    this.#wish = wish === NO_PART ? undefined : wish;
    this.#awaitsSwitch =
      this.#wish !== undefined && switchInMs(this.#wish.keys, clock.wallTime()) !== undefined;
    const problems = await this.#playNode(signal);
    this.#problems = [...problems, ...(await this.#controller.play(kube, this.#wish, signal))];
    this.#known = known;
    this.#lookedAt ??= Number.NEGATIVE_INFINITY;
  }

  /** Keeps this machine's copy of the controller's state. Call it often. */
  async keepState(kube: SlurmKube, signal: AbortSignal): Promise<void> {
    await this.#controller.keepState(kube.seen(), await this.#options.self(signal));
  }

  /** Renews the controller's Lease and lets slurmctld run for so long, where this machine holds it. Call it often. */
  async vouch(kube: SlurmKube, signal: AbortSignal): Promise<void> {
    const seen = kube.seen();
    const wish = seen && wishOf(seen, await this.#options.self(signal));
    await this.#controller.vouch(kube, wish === NO_PART ? undefined : wish?.controller, signal);
  }

  /**
   * What it is like now, for the report. By itself, since SLURM may take its time to answer, or not answer at all: that is no news,
   * and holds nothing up.
   */
  async look(signal: AbortSignal): Promise<void> {
    const { machine, clock, self } = this.#options;
    const now = clock.now();
    if (this.#lookedAt === undefined || now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.#firstLookAt ??= now;
    const observed = await machine.observe(signal);
    const controller = await this.#controller.observe(signal);
    const wish = this.#wish;
    const isUp = wish !== undefined && observed.units["slurmd.service"] === "active";
    if (!isUp) this.#forgottenSince = undefined;
    else if (now - this.#viewedAt >= this.#viewMs) {
      this.#viewedAt = now;
      this.#note(await machine.view((await self(signal)).name, signal), now);
    }
    if (!wish?.controller || controller.fencer?.state !== "running") this.#controllerView = undefined;
    else if (now - this.#managedAt >= MANAGE_MS) await this.#manage(wish.controller, signal);
    const { refusal } = this.#controller;
    const seen = {
      machine: observed,
      controller,
      wish,
      problems: this.#problems,
      ...(this.#view && { view: this.#view }),
      controllerView: this.#controllerView,
      ...(refusal && { refusal }),
    };
    const isSettling = this.#report === undefined && now - this.#firstLookAt < SETTLE_MS;
    if (!isSettling || isReportWhole(seen)) this.#report = slurmReport(seen);
  }

  /** Silence is no news: SLURM may be moving its controller. */
  #note(sight: NodeSight, now: Instant): void {
    const isForgotten = sight === "unknown" || (sight !== "silence" && isGivenUp(sight));
    this.#forgottenSince = isForgotten ? (this.#forgottenSince ?? now) : undefined;
    if (!isForgotten && sight !== "silence") this.#registrations = 0;
    this.#view = sight === "unknown" ? UNKNOWN_VIEW : sight === "silence" ? undefined : sight;
  }

  get #viewMs(): number {
    return this.#view && this.#forgottenSince === undefined ? VIEW_MS : LOOK_MS;
  }

  get #isForgotten(): boolean {
    const { clock, patience } = this.#options;
    const since = this.#forgottenSince;
    const waitMs = FORGOTTEN_MS * patience * 2 ** Math.min(this.#registrations, FORGOTTEN_DOUBLINGS);
    return since !== undefined && clock.now() - since >= waitMs;
  }

  async #manage({ drains }: ControllerWish, signal: AbortSignal): Promise<void> {
    const { machine, clock, logger } = this.#options;
    this.#managedAt = clock.now();
    try {
      this.#controllerView = await machine.manage(drains, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn("slurmctld does not answer", { error: describeError(error) });
    }
  }

  async #playNode(signal: AbortSignal): Promise<readonly string[]> {
    const { machine, clock, logger } = this.#options;
    const observed = { ...(await machine.observe(signal)), isForgotten: this.#isForgotten };
    const { actions, problems } = planSlurm(observed, this.#wish, clock.wallTime());
    // It has as long again to register, and longer.
    if (observed.isForgotten) {
      this.#forgottenSince = undefined;
      this.#registrations += 1;
    }
    const failures: string[] = [];
    for (const action of actions) {
      logger.info("acts for SLURM", describeAction(action));
      try {
        await machine.act(action, signal);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(describeError(error));
        logger.warn("could not act for SLURM", { error: describeError(error) });
        // The others stand on those before them; without the redirect a machine takes its part all the same.
        if (action.kind !== "write-redirect") break;
      }
    }
    return [...problems, ...failures];
  }
}

/**
 * A node that did not answer for SlurmdTimeout is DOWN, and slurmctld asks those no more (src/slurmctld/ping_nodes.c: it "can induce
 * huge delays"). It would stay so for ever, though the network that was cut is whole again: slurmd registers at its start only.
 */
function isGivenUp({ states }: NonNullable<SlurmNodeStatus["view"]>): boolean {
  return states.includes("DOWN") && states.includes("NOT_RESPONDING");
}

/** Tells whether anything changed in the API: versions, and never what is in the objects. */
function versionsOf(seen: SlurmSeen): string {
  const versionOf = (object: unknown): string =>
    (object as { metadata?: { resourceVersion?: string } } | undefined)?.metadata?.resourceVersion ?? "";
  // Renewals of the Lease are ours, and every few seconds.
  const { holderIdentity = "", leaseTransitions = 0 } =
    (seen.lease as { spec?: { holderIdentity?: string; leaseTransitions?: number } } | undefined)?.spec ?? {};
  const release = JSON.stringify(
    (seen.lease as { metadata?: { annotations?: unknown } } | undefined)?.metadata?.annotations ?? {},
  );
  return [
    versionOf(seen.cluster),
    versionOf(seen.config),
    versionOf(seen.keys),
    holderIdentity,
    leaseTransitions,
    release,
  ].join();
}
