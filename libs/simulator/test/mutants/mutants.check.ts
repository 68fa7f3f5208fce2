import { expect } from "chai";
import { simulate, SimulationError, type SimulationOptions } from "../../src/index.ts";
import { admissionMutants } from "./admission.ts";
import { formationMutants } from "./formation.ts";
import { membershipMutants } from "./membership.ts";
import type { Mutant } from "./mutant.ts";

const MOST_SEEDS = 200;
const MINUTES = 60_000;

const mutants = [...formationMutants, ...membershipMutants, ...admissionMutants];
/** Of each: the seed that showed it, and what was said. */
const caught: [string, number, string][] = [];

describe("a broken core is noticed:", () => {
  for (const mutant of mutants) {
    it(mutant.name, () => {
      const found = hunt(mutant);
      if (!found) expect.fail(`no history of ${MOST_SEEDS} shows it`);
      caught.push([mutant.name, found.seed, found.reason]);
    }).timeout(10 * MINUTES);
  }

  after(() => {
    const width = Math.max(...mutants.map(({ name }) => name.length));
    for (const [name, seed, reason] of caught)
      console.log(`    ${name.padEnd(width)}  seed ${String(seed).padStart(3)}  ${reason}`);
  });
});

/** The first seed that shows it. */
function hunt(mutant: Mutant): { readonly seed: number; readonly reason: string } | undefined {
  const { machines, focus, variation, violation } = mutant;
  const restore = mutant.install?.();
  try {
    for (const seed of seedsFor(mutant)) {
      const reason = whatGoesWrong({ ...variation, seed, machines, focus });
      if (reason !== undefined && violation.test(reason)) return { seed, reason };
    }
    return undefined;
  } finally {
    restore?.();
  }
}

function seedsFor({ seed }: Mutant): readonly number[] {
  const all = Array.from({ length: MOST_SEEDS }, (_, at) => at + 1);
  return seed === undefined ? all : [seed, ...all.filter((other) => other !== seed)];
}

/** What a history ends with, without its seed; undefined when all is well. */
function whatGoesWrong(options: SimulationOptions): string | undefined {
  try {
    simulate(options);
    return undefined;
  } catch (error) {
    if (error instanceof SimulationError) return shortened(error.message.split("\n")[0] ?? "");
    throw error;
  }
}

/** IDs of nodes and clusters by their first digits. */
function shortened(message: string): string {
  return message.replace(/^.*? ms: /, "").replace(/(ed25519:)?([0-9a-f]{6})[0-9a-f]{20,}/g, "$2");
}
