import type { Mutant } from "./mutant.ts";

/** Who is alive: SWIM with one of its parts left out. */
export const membershipMutants: readonly Mutant[] = [
  {
    name: "an incarnation that is not raised to refute",
    machines: 3,
    focus: "all",
    variation: { membershipRules: { nextIncarnation: (incarnation) => incarnation } },
    violation: /does not see|other members alive|went wrong/,
    seed: 1,
  },
  {
    name: "an incarnation that goes back",
    machines: 3,
    focus: "all",
    variation: { membershipRules: { nextIncarnation: (incarnation) => Math.max(0, incarnation - 1) } },
    violation: /does not see|goes back|went wrong/,
    seed: 1,
  },
  {
    name: "an accusation that is not passed on",
    machines: 12,
    focus: "all",
    variation: { membershipRules: { isPassedOn: () => false } },
    violation: /suspected .* before they held it failed|does not know in time/,
    seed: 16,
  },
  {
    name: "a member that is dead at once",
    machines: 8,
    focus: "all",
    variation: { membershipConfig: { suspicionMs: 0 } },
    violation: /went wrong/,
    seed: 3,
  },
  {
    name: "news that is never passed on",
    machines: 12,
    focus: "all",
    variation: { membershipConfig: { retransmitFactor: 0 } },
    violation: /does not know in time|suspected .* before they held it failed|does not see/,
    seed: 124,
  },
  {
    name: "a replay window that is open",
    machines: 3,
    focus: "all",
    variation: { membershipRules: { mayAct: () => true } },
    violation: /acts twice/,
    seed: 10,
  },
];
