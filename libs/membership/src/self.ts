import type { Identity } from "@cluster-os/identity";
import type { NodeDescription } from "./member.ts";
import { signAlive, signLeft, type Statement } from "./records.ts";
import { SOUND_RULES, type MembershipRules } from "./rules.ts";

/** Room for so many statements in each life of a node. */
const INCARNATIONS_PER_BOOT = 2 ** 20;

/** The first incarnation of a life: above all of earlier lives, and below 2^53 for every 32-bit boot counter. */
export function firstIncarnation(bootCounter: number): number {
  return bootCounter * INCARNATIONS_PER_BOOT;
}

/** Which life of its node an incarnation belongs to. */
export function bootCounterOf(incarnation: number): number {
  return Math.floor(incarnation / INCARNATIONS_PER_BOOT);
}

/** What this node says of itself. */
export class Self {
  readonly identity: Identity;
  #description: NodeDescription;
  #statement: Statement;
  readonly #nextIncarnation: MembershipRules["nextIncarnation"];

  constructor(
    identity: Identity,
    bootCounter: number,
    description: NodeDescription,
    { nextIncarnation }: Pick<MembershipRules, "nextIncarnation"> = SOUND_RULES,
  ) {
    this.identity = identity;
    this.#nextIncarnation = nextIncarnation;
    this.#description = description;
    this.#statement = signAlive(identity, firstIncarnation(bootCounter), description);
  }

  get statement(): Statement {
    return this.#statement;
  }

  get description(): NodeDescription {
    return this.#description;
  }

  get hasLeft(): boolean {
    return this.#statement.kind === "left";
  }

  describe(description: NodeDescription): void {
    this.#description = description;
    this.overtake(this.#statement.incarnation);
  }

  /** Says again what it said, under a higher incarnation than `incarnation`: what was said of that no longer counts. */
  overtake(incarnation: number): void {
    const next = this.#nextIncarnation(incarnation);
    this.#statement = this.hasLeft
      ? signLeft(this.identity, next)
      : signAlive(this.identity, next, this.#description);
  }

  leave(): void {
    this.#statement = signLeft(this.identity, this.#statement.incarnation);
  }
}
