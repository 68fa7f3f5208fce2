import { readSlurmLease, type SlurmNodeStatus } from "@cluster-os/api";
import type { FencerStatus } from "@cluster-os/fencer";
import { describeError, type Clock, type Instant, type Logger } from "@cluster-os/std";
import { planController, type ControllerAction, type ControllerObserved } from "./controller.ts";
import { planState, standingIn, stateProblems, type SlurmState } from "./state.ts";
import { deadlineMs, renewalMs, vouching, type Vouching } from "./vouching.ts";
import type { ControllerWish, Self, SlurmSeen, SlurmWish } from "./wish.ts";

/** This machine, as far as SLURM's controller touches it. */
export interface ControllerMachine {
  observeController(signal: AbortSignal): Promise<Omit<ControllerObserved, "refusedHash" | "state">>;
  /** Resolves with slurmctld's own words where it would not take a configuration. */
  actController(action: MachineAction, signal: AbortSignal): Promise<string | undefined>;
  extend(epoch: number, deadlineMs: number, signal: AbortSignal): Promise<FencerStatus>;
  /** Milliseconds since boot, suspended time included. */
  bootTimeMs(): number;
}

export type MachineAction = Extract<
  ControllerAction,
  {
    kind:
      "apply-config" | "use-token-key" | "start-controller" | "stop-controller" | "start-rest" | "stop-rest";
  }
>;

/** SLURM's part of the Kubernetes API. */
export interface SlurmKube {
  /** What the API has; undefined until all of it was seen. */
  seen(): SlurmSeen | undefined;
  /** Renews the controller's Lease in the version that was seen; gives it back with `isGivenBack`. Fails if somebody else wrote. */
  renewController(wallTimeMs: number, isGivenBack: boolean, signal: AbortSignal): Promise<void>;
}

export interface ControllerRoleOptions {
  readonly machine: ControllerMachine;
  readonly state: SlurmState;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A majority that does not answer for so long is asked again in another round. */
const SAVE_MS = 10_000;
/** What has not come to an end by then waits for something else. */
const QUICK_MS = 15_000;

/** Runs slurmctld where the Lease says so, on the newest saved state; keeps this machine's copy of that, whoever runs it. */
export class ControllerRole {
  readonly #options: ControllerRoleOptions;
  #renewedAt: Instant = Number.NEGATIVE_INFINITY;
  #vouched: Vouching = "nothing";
  /** The epoch in which slurmctld was last vouched for. */
  #ranIn: number | undefined;
  /** What the Lease wants of this machine, and since when. */
  #term: { readonly words: string; readonly since: Instant } | undefined;
  #refusal: SlurmNodeStatus["configRefused"];

  constructor(options: ControllerRoleOptions) {
    this.#options = options;
  }

  /** Why slurmctld would not take a configuration. */
  get refusal(): SlurmNodeStatus["configRefused"] {
    return this.#refusal;
  }

  /** Each step towards a running slurmctld waits for a look at what came of the last one; nobody can submit a job meanwhile. */
  isTakingOver(wish: ControllerWish | undefined): boolean {
    if (!wish || wish.lease.isReleaseWanted || this.#ranIn === wish.lease.epoch) return false;
    const isSeen = this.#term?.words === termOf(wish);
    return !isSeen || this.#options.clock.now() - (this.#term?.since ?? 0) < QUICK_MS;
  }

  async observe(signal: AbortSignal): Promise<ControllerObserved> {
    const { machine, state } = this.#options;
    const controller = await machine.observeController(signal);
    return { ...controller, refusedHash: this.#refusal?.hash, state: state.observe() };
  }

  /** Changes whenever there is something to do for the one that is wished for here, though the API says the same. */
  progress(wish: ControllerWish | undefined): string {
    return wish ? standingIn(wish.lease.epoch, this.#options.state.observe()) : "";
  }

  /** Keeps this machine's copy as the Lease has it. Call it often. */
  async keepState(seen: SlurmSeen | undefined, self: Self): Promise<void> {
    const { state, logger } = this.#options;
    const action = planState(state.observe(), readSlurmLease(seen?.lease), self.name);
    switch (action?.kind) {
      case undefined:
        return;
      case "open":
        if (self.address !== undefined) await state.open({ name: self.name, address: self.address });
        return;
      case "wish-replicas":
        logger.info("the controller's state is to be kept by others", { replicas: action.replicas });
        return state.wishReplicas(action.replicas);
      default:
        action satisfies never;
    }
  }

  /** Does what is to be done; returns what stands in the way. */
  async play(kube: SlurmKube, wish: SlurmWish | undefined, signal: AbortSignal): Promise<readonly string[]> {
    const { state, logger } = this.#options;
    const lease = wish?.controller?.lease;
    const observed = await this.observe(signal);
    const problems = stateProblems(observed.state, lease);
    for (const action of planController(observed, wish?.controller)) {
      const why = "why" in action ? { why: action.why } : {};
      logger.info("acts for SLURM's controller", { action: action.kind, epoch: lease?.epoch ?? 0, ...why });
      try {
        await this.#act(action, kube, state, signal);
      } catch (error) {
        signal.throwIfAborted();
        logger.warn("could not act for SLURM's controller", { error: describeError(error) });
        return [...problems, `controller: ${describeError(error)}`];
      }
    }
    return problems;
  }

  /** Renews the controller's Lease and lets slurmctld run for so long, where this machine may. Call it often. */
  async vouch(kube: SlurmKube, wish: ControllerWish | undefined, signal: AbortSignal): Promise<void> {
    const { machine, clock, logger } = this.#options;
    const sinceMs = this.#sinceMs(wish);
    if (!wish) return;
    const { epoch, leaseSeconds } = wish.lease;
    const isFresh = clock.now() - this.#renewedAt < renewalMs(leaseSeconds);
    if (isFresh && this.#vouched === "controller") return;
    const answer = vouching(await this.observe(signal), wish, sinceMs);
    // slurmctld may begin as soon as the state is in place, and not a renewal later.
    if (answer === "nothing" || (answer === "lease" && isFresh)) return;
    // Before the Lease is renewed: whatever holds this process up afterwards shortens what it may grant.
    const askedAtMs = machine.bootTimeMs();
    const now = clock.now();
    await kube.renewController(clock.wallTime(), false, signal);
    this.#renewedAt = now;
    this.#vouched = answer;
    if (answer === "lease") return;
    this.#ranIn = epoch;
    const { refused } = await machine.extend(epoch, deadlineMs(askedAtMs, leaseSeconds), signal);
    if (refused !== undefined) logger.warn("the fencer refused", { epoch, refused });
  }

  async #act(
    action: ControllerAction,
    kube: SlurmKube,
    state: SlurmState,
    signal: AbortSignal,
  ): Promise<void> {
    const { machine, clock } = this.#options;
    switch (action.kind) {
      case "take-over":
        return state.lead(action.nomination);
      case "save-state":
        return state.save(AbortSignal.any([signal, AbortSignal.timeout(SAVE_MS)]));
      case "give-lease-back":
        return kube.renewController(clock.wallTime(), true, signal);
      case "apply-config":
        return this.#noteRefusal(action.config.hash, await machine.actController(action, signal));
      default:
        await machine.actController(action, signal);
    }
  }

  #sinceMs(wish: ControllerWish | undefined): number {
    const now = this.#options.clock.now();
    const words = termOf(wish);
    if (this.#term?.words !== words) this.#term = { words, since: now };
    return now - this.#term.since;
  }

  #noteRefusal(hash: string, message: string | undefined): void {
    this.#refusal = message === undefined ? undefined : { hash, message: message.slice(0, 4096) };
    if (message !== undefined)
      this.#options.logger.warn("slurmctld would not take a configuration", { hash, message });
  }
}

/** What tells one term of a Lease from the next. */
function termOf(wish: ControllerWish | undefined): string {
  return wish ? `${wish.lease.epoch} ${wish.lease.isReleaseWanted}` : "";
}
