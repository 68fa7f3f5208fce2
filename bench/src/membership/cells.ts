import { plainSwimConfig, type MembershipConfig } from "@cluster-os/membership";
import type { Conditions } from "@cluster-os/simulator";

/** What the network does, and whether some machines stall. */
export interface Weather {
  readonly name: string;
  readonly conditions: Conditions;
  readonly hasStalls: boolean;
}

const lossy = (loss: number): Conditions => ({ loss, duplication: 0, delayMs: [0.2, 2] });

export const WEATHERS: readonly Weather[] = [
  { name: "0 % loss", conditions: lossy(0), hasStalls: false },
  { name: "5 % loss", conditions: lossy(0.05), hasStalls: false },
  { name: "20 % loss", conditions: lossy(0.2), hasStalls: false },
  { name: "stalls of 20 s", conditions: lossy(0), hasStalls: true },
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
