import type { AccusationKind } from "./merge.ts";

/**
 * The few decisions that agreement rests on, in one place. Production uses {@link SOUND_RULES}; the simulator replaces one at
 * a time to show that breaking it is noticed.
 */
export interface MembershipRules {
  /** Under which incarnation a node speaks of itself after one that others hold or accuse: a higher one. */
  readonly nextIncarnation: (incarnation: number) => number;
  /** Whether an accusation that is new is passed on. */
  readonly isPassedOn: (kind: AccusationKind) => boolean;
  /** Whether a message may be acted on, by what the sender's replay window says. */
  readonly mayAct: (isFresh: boolean) => boolean;
}

export const SOUND_RULES: MembershipRules = {
  nextIncarnation: (incarnation) => incarnation + 1,
  isPassedOn: () => true,
  mayAct: (isFresh) => isFresh,
};
