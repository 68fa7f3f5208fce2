import { describeRule } from "./describe.ts";
import type { Rule, Ruleset } from "./ruleset.ts";

/** A rule that is not as it should be: `add` it, or `remove` what is there. */
export interface Difference {
  readonly change: "add" | "remove";
  readonly chain: string;
  readonly rule: string;
}

/**
 * What would have to change for the table to be as planned; nothing when it is so. Undefined stands for no table at all. Rules
 * that only changed their places are told as removed and added: order decides.
 */
export function differences(observed: Ruleset | undefined, wish: Ruleset | undefined): readonly Difference[] {
  const [present, planned] = [observed ?? NOTHING, wish ?? NOTHING];
  const names = [...new Set([...present.chains, ...planned.chains].map(({ name }) => name))];
  return names.flatMap((name) => compareChain(name, rulesOf(present, name), rulesOf(planned, name)));
}

/** Whether two tables treat every packet alike, as far as can be told from their rules. Counts do not matter. */
export function isSameRuleset(left: Ruleset | undefined, right: Ruleset | undefined): boolean {
  return canonical(left) === canonical(right);
}

const NOTHING: Ruleset = { chains: [] };

function compareChain(
  chain: string,
  present: readonly Rule[],
  planned: readonly Rule[],
): readonly Difference[] {
  const [was, shall] = [present.map(key), planned.map(key)];
  if (was.join("\n") === shall.join("\n")) return [];
  const kept = longestCommon(was, shall);
  const gone = present.filter((_, at) => !kept.some(([left]) => left === at));
  const come = planned.filter((_, at) => !kept.some(([, right]) => right === at));
  return [
    ...gone.map((rule) => ({ change: "remove", chain, rule: describeRule(rule) }) as const),
    ...come.map((rule) => ({ change: "add", chain, rule: describeRule(rule) }) as const),
  ];
}

/** Positions of the rules that are in both lists in the same order. */
function longestCommon(
  left: readonly string[],
  right: readonly string[],
): readonly (readonly [number, number])[] {
  const lengths = Array.from({ length: left.length + 1 }, () => new Array<number>(right.length + 1).fill(0));
  const lengthAt = (row: number, column: number): number => lengths[row]?.[column] ?? 0;
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      const isSame = left[row] === right[column];
      const length = isSame
        ? lengthAt(row + 1, column + 1) + 1
        : Math.max(lengthAt(row + 1, column), lengthAt(row, column + 1));
      (lengths[row] as number[])[column] = length;
    }
  }
  const pairs: [number, number][] = [];
  for (let row = 0, column = 0; row < left.length && column < right.length;) {
    if (left[row] === right[column]) pairs.push([row++, column++]);
    else if (lengthAt(row + 1, column) >= lengthAt(row, column + 1)) row += 1;
    else column += 1;
  }
  return pairs;
}

function rulesOf(ruleset: Ruleset, name: string): readonly Rule[] {
  return ruleset.chains.find((chain) => chain.name === name)?.rules ?? [];
}

function canonical(ruleset: Ruleset | undefined): string {
  if (!ruleset) return "none";
  const chains = ruleset.chains.map(({ name, type, hook, rules }) => [name, type, hook, ...rules.map(key)]);
  return JSON.stringify(chains.sort(([left = ""], [right = ""]) => (left < right ? -1 : 1)));
}

/** A rule as a text that is the same for rules that do the same: sets without an order, counters without their counts. */
function key({ comment, expr }: Rule): string {
  return JSON.stringify([comment, expr.map(normalise)]);
}

function normalise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalise);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]): [string, unknown] => {
    if (name === "counter") return [name, null];
    if (name === "set" && Array.isArray(member)) {
      return [name, member.map((entry) => JSON.stringify(normalise(entry))).sort()];
    }
    return [name, normalise(member)];
  });
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}
