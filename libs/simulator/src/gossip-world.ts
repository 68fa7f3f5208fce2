import type { NodeId } from "@cluster-os/identity";
import type { Member, MembershipConfig, MembershipEffect, MembershipInput } from "@cluster-os/membership";
import { seededRng, type Instant, type Rng } from "@cluster-os/std";
import { SimulatedNetwork, type Conditions } from "./network.ts";
import { quickenCrypto } from "./quick-crypto.ts";
import { Runner, type RunnerHost } from "./runner.ts";
import { addressOf, SimulatedMember } from "./simulated-member.ts";
import { Timeline } from "./timeline.ts";

export interface GossipOptions {
  readonly seed: number;
  readonly members: number;
  readonly conditions: Conditions;
  readonly config?: Partial<MembershipConfig>;
  /** All start within so many milliseconds. */
  readonly startWithinMs: number;
  /** Somebody's view of somebody else changed. */
  readonly onChange?: (observer: SimulatedMember, member: Member, now: Instant) => void;
}

/** Who is tried first by everyone. */
const SEEDS = [addressOf(1), addressOf(2), addressOf(3)];

/** Machines with nothing but membership, in virtual time: to measure how soon and how rightly they know of each other. */
export class GossipWorld {
  readonly members: readonly SimulatedMember[];
  readonly timeline = new Timeline();
  readonly rng: Rng;
  readonly #options: GossipOptions;
  readonly #network: SimulatedNetwork;
  readonly #runner: Runner<SimulatedMember, MembershipInput, MembershipEffect>;
  readonly #byAddress: ReadonlyMap<string, SimulatedMember>;
  readonly #byNodeId: ReadonlyMap<NodeId, SimulatedMember>;

  constructor(options: GossipOptions) {
    quickenCrypto();
    this.#options = options;
    const { seed, conditions, config = {}, startWithinMs } = options;
    this.rng = seededRng(seed);
    this.#network = new SimulatedNetwork(this.rng, conditions);
    const host: RunnerHost<SimulatedMember, MembershipEffect> = {
      timeline: this.timeline,
      rng: this.rng,
      apply: (member, effect) => this.#apply(member, effect),
      started: () => undefined,
      crashed: () => undefined,
    };
    this.#runner = new Runner(host, { kind: "wake" });
    this.members = Array.from(
      { length: options.members },
      (_, at) => new SimulatedMember({ seed, number: at + 1, config }),
    );
    this.#byAddress = new Map(this.members.map((member) => [member.address, member]));
    this.#byNodeId = new Map(this.members.map((member) => [member.nodeId, member]));
    for (const member of this.members)
      this.timeline.at(startWithinMs * this.rng.fraction(), () => this.#start(member));
  }

  /** How many inputs all members had. */
  get steps(): number {
    return this.#runner.steps;
  }

  find(nodeId: NodeId): SimulatedMember | undefined {
    return this.#byNodeId.get(nodeId);
  }

  /** Lets time pass until `end`, or until `isDone` holds; says when that was. */
  run(end: Instant, isDone: () => boolean = () => false): Instant {
    while (!isDone() && this.timeline.nextAt <= end) this.timeline.advance();
    return this.timeline.now;
  }

  /** It stops, and does not come back. */
  kill(member: SimulatedMember): void {
    member.isLost = true;
    this.#runner.crash(member, 0, false);
  }

  freeze(member: SimulatedMember, ms: number): void {
    this.#runner.freeze(member, ms);
  }

  #start(member: SimulatedMember): void {
    this.#runner.start(member);
    const seeds = SEEDS.filter((address) => address !== member.address);
    this.#runner.step(member, { kind: "join", seeds });
  }

  #apply(from: SimulatedMember, effect: MembershipEffect): void {
    if (effect.kind === "member-changed")
      return this.#options.onChange?.(from, effect.member, this.timeline.now);
    if (effect.kind !== "send") return;
    const to = this.#byAddress.get(effect.to);
    if (!to) return;
    const { bytes } = effect;
    this.#network.carry(from.number, to.number, bytes.length, (delayMs) =>
      this.timeline.after(delayMs, () =>
        this.#runner.step(to, { kind: "datagram", from: from.address, bytes }),
      ),
    );
  }
}
