import { plainSwimConfig, type MembershipConfig } from "@cluster-os/membership";
import type { Conditions } from "@cluster-os/simulator";

/** What the network does, and how some machines stall. */
export interface Weather {
  readonly name: string;
  readonly conditions: Conditions;
  /** One in four stalls for 20 s again and again, and is awake for so long between, in milliseconds on average; default: none does. */
  readonly awakeMs?: number;
}

const lossy = (loss: number): Conditions => ({ loss, duplication: 0, delayMs: [0.2, 2] });

export const WEATHERS: readonly Weather[] = [
  { name: "0 % loss", conditions: lossy(0) },
  { name: "5 % loss", conditions: lossy(0.05) },
  { name: "20 % loss", conditions: lossy(0.2) },
  { name: "stalls of 20 s, 40 s between", conditions: lossy(0), awakeMs: 40_000 },
  // Awake just long enough to accuse somebody, and not to hear the answer: what Lifeguard was made for (Dadgar et al. 2018,
  // section 5, whose machines are awake for as little as a millisecond).
  { name: "0.1 s between, 5 % loss", conditions: lossy(0.05), awakeMs: 100 },
  { name: "0.004 s between", conditions: lossy(0), awakeMs: 4 },
  { name: "0.004 s between, 5 % loss", conditions: lossy(0.05), awakeMs: 4 },
];

/** How members judge each other. */
export interface Manner {
  readonly name: string;
  readonly config: Partial<MembershipConfig>;
}

export const MANNERS: readonly [Manner, Manner, Manner] = [
  { name: "plain SWIM", config: plainSwimConfig },
  { name: "with Lifeguard", config: { stallMs: Infinity } },
  { name: "and own stalls noticed", config: {} },
];
