import type { Focus, Variation } from "../../src/index.ts";

/** The cores with one thing broken. A simulator that does not notice it looks in the wrong places. */
export interface Mutant {
  readonly name: string;
  readonly machines: number;
  readonly focus: Focus;
  readonly variation: Variation;
  /** What must be said of it, by one of the first 200 seeds. */
  readonly violation: RegExp;
  /** Breaks what no option reaches; gives back what puts it right. */
  readonly install?: () => () => void;
}
