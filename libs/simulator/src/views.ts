import type { NodeId } from "@cluster-os/identity";
import type { Member } from "@cluster-os/membership";
import type { Instant } from "@cluster-os/std";
import { InvariantViolation } from "./invariants.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";

interface View {
  /** The life of the machine that it belongs to. */
  readonly starts: number;
  readonly alive: Set<NodeId>;
  readonly incarnations: Map<NodeId, number>;
}

export interface ViewsHost {
  readonly now: () => Instant;
  /** Whether anything that goes wrong could be the cause of a machine being held failed now. */
  readonly isDisturbed: () => boolean;
  readonly find: (nodeId: NodeId) => SimulatedMachine;
}

/** What each machine holds of the others, followed change by change; throws an InvariantViolation at one that must not be. */
export class Views {
  readonly #host: ViewsHost;
  readonly #views = new Map<number, View>();
  /** Since when each revoked machine must be nobody's member. */
  readonly #bannedFrom = new Map<NodeId, Instant>();
  readonly #suspectedBy = new Map<NodeId, Set<number>>();

  constructor(host: ViewsHost) {
    this.#host = host;
  }

  note(observer: SimulatedMachine, { nodeId, status, incarnation }: Member): void {
    const view = this.#of(observer);
    const { number: subject, isUp } = this.#host.find(nodeId);
    const held = view.incarnations.get(nodeId) ?? -1;
    if (incarnation < held)
      throw new InvariantViolation(
        `incarnation of ${subject} goes back from ${held} to ${incarnation} on ${observer.number}`,
      );
    view.incarnations.set(nodeId, incarnation);
    const isBanned = this.#bannedFrom.has(observer.nodeId);
    if (status === "failed" && isUp && !isBanned && !this.#host.isDisturbed())
      throw new InvariantViolation(`${observer.number} holds ${subject} failed though nothing went wrong`);
    if (status === "alive" && !isBanned && this.#host.now() >= (this.#bannedFrom.get(nodeId) ?? Infinity))
      throw new InvariantViolation(`${subject}, which was revoked, is a member on ${observer.number}`);
    if (status === "suspect") this.#suspectedBy.get(nodeId)?.add(observer.number);
    if (status === "alive") view.alive.add(nodeId);
    else view.alive.delete(nodeId);
  }

  /** Watches who suspects a machine from now on. */
  watchDeath(nodeId: NodeId): void {
    this.#suspectedBy.set(nodeId, new Set());
  }

  /** All `others` know that a machine is dead, and most suspected it first: a suspicion that nobody hears nobody answers. */
  requireDeathKnown(victim: SimulatedMachine, others: readonly SimulatedMachine[]): void {
    const late = others.find((other) => this.alive(other).has(victim.nodeId));
    if (late)
      throw new InvariantViolation(`${late.number} does not know in time that ${victim.number} is dead`);
    const suspectedBy = this.#suspectedBy.get(victim.nodeId)?.size ?? 0;
    if (suspectedBy * 2 < others.length)
      throw new InvariantViolation(
        `only ${suspectedBy} of ${others.length} suspected ${victim.number} before they held it failed`,
      );
  }

  /** From `at` on, no machine may take it for a member. */
  ban(nodeId: NodeId, at: Instant): void {
    this.#bannedFrom.set(nodeId, at);
  }

  /** Members alive on this machine, itself not counted; those of an earlier life are forgotten. */
  alive(observer: SimulatedMachine): ReadonlySet<NodeId> {
    return this.#of(observer).alive;
  }

  #of(observer: SimulatedMachine): View {
    const known = this.#views.get(observer.number);
    if (known?.starts === observer.starts) return known;
    const view: View = { starts: observer.starts, alive: new Set(), incarnations: new Map() };
    this.#views.set(observer.number, view);
    return view;
  }
}
