import { existsSync, readFileSync } from "node:fs";

/** How many checks held and how many did not. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** What failed and why, a line each, as far as it is known. */
  readonly failures?: readonly string[];
}

export const ONE_PASSED: Counts = { passed: 1, failed: 0 };
export const ONE_FAILED: Counts = { passed: 0, failed: 1 };

/** All of them together. */
export function sum(counts: readonly Counts[]): Counts {
  return {
    passed: counts.reduce((total, { passed }) => total + passed, 0),
    failed: counts.reduce((total, { failed }) => total + failed, 0),
    failures: counts.flatMap(({ failures = [] }) => failures),
  };
}

/** What a test run counted. One that left no counts, or counted nothing, failed: tests that did not run have not passed. */
export function readCounts(resultsFile: string): Counts {
  const counts = existsSync(resultsFile) ? parseCounts(readFileSync(resultsFile, "utf8")) : undefined;
  return counts === undefined || counts.passed + counts.failed === 0 ? ONE_FAILED : counts;
}

/** The counts of several runs that one command made. If it ended badly although every test passed, that is a failure. */
export function countsOf(resultsFiles: readonly string[], exitCode: number): Counts {
  const total = sum(resultsFiles.map(readCounts));
  return exitCode !== 0 && total.failed === 0 ? sum([total, ONE_FAILED]) : total;
}

/** The last line of `make test`. */
export function summaryLine({ passed, failed }: Counts): string {
  return `${passed} passed, ${failed} failed`;
}

/** Zero only if something was tested and all of it held. */
export function exitCodeOf({ passed, failed }: Counts): number {
  return failed === 0 && passed > 0 ? 0 : 1;
}

interface Failure {
  readonly title: string;
  readonly reason: string;
}

function parseCounts(text: string): Counts | undefined {
  const { passed, failed, failures } = parseJson(text) ?? {};
  if (typeof passed !== "number" || typeof failed !== "number") return undefined;
  const known = Array.isArray(failures) ? (failures as readonly Failure[]) : [];
  return {
    passed,
    failed,
    failures: known.map(({ title, reason }) => `${title}: ${onOneLine(reason)}`),
  };
}

/** A reason's first line often only says that something ended with 1; why is below. */
function onOneLine(reason: string): string {
  const lines = reason.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").join(" | ");
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A file cut short by a crash says nothing.
    return undefined;
  }
}
