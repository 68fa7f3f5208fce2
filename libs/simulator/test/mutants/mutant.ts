import type { Focus, Variation } from "../../src/index.ts";

/** The cores with one thing broken. A simulator that does not notice it looks in the wrong places. */
export interface Mutant {
  readonly name: string;
  readonly machines: number;
  readonly focus: Focus;
  readonly variation: Variation;
  /** What must be said of it, by one of the first 200 seeds. */
  readonly violation: RegExp;
  /** The seed that showed it when it was last hunted: tried first, so that looking again takes seconds. */
  readonly seed?: number;
  /** Breaks what no option reaches; gives back what puts it right. */
  readonly install?: () => () => void;
}
