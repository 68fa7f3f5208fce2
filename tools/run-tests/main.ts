/**
 * `make test`: every check of the repository, one stage after the other, and the counts of all in the last line.
 *
 *     node tools/run-tests/main.ts [STAGE...]     only these: format lint typecheck builds unit repository simulation lab vm
 *
 * What machines are made of takes minutes the first time, so it is built beside the first stages.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startInBackground, type BackgroundJob } from "./background.ts";
import { exitCodeOf, ONE_FAILED, sum, summaryLine, type Counts } from "./counts.ts";
import { stages, STAGE_NAMES, type Stage } from "./stages.ts";
import { listProjects, root } from "./workspace.ts";

/** Scripts below tools/ that take minutes the first time, with their arguments. */
const BUILDS = [["kube"], ["root-tree"]] as const;

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !(STAGE_NAMES as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`there is no stage ${unknown.join(", ")}; the stages are ${STAGE_NAMES.join(", ")}`);
  process.exit(2);
}
const chosen: readonly string[] = positionals.length === 0 ? STAGE_NAMES : positionals;

const background = chosen.includes("builds") ? startBuilds() : [];
const results: { readonly name: string; readonly counts: Counts; readonly seconds: string }[] = [];
for (const stage of stages(await listProjects(), background)) {
  if (!chosen.includes(stage.name)) continue;
  console.log(`\n== ${stage.name}`);
  const started = performance.now();
  const counts = await runStage(stage);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`== ${stage.name}: ${summaryLine(counts)} (${seconds} s)`);
  results.push({ name: stage.name, counts, seconds });
}

console.log();
for (const { name, counts, seconds } of results) {
  console.log(`${name.padEnd(12)}${`${seconds} s`.padStart(10)}   ${summaryLine(counts)}`);
}
const total = sum(results.map(({ counts }) => counts));
// Again, at the end: whoever sees only that should know.
for (const failure of total.failures ?? []) console.log(`failed: ${failure}`);
console.log(summaryLine(total));
process.exitCode = exitCodeOf(total);

async function runStage(stage: Stage): Promise<Counts> {
  try {
    return await stage.run();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return ONE_FAILED;
  }
}

function startBuilds(): readonly BackgroundJob[] {
  const jobs = BUILDS.map(([name, ...args]) =>
    startInBackground({
      program: join(root, "tools", name, "build.sh"),
      args,
      log: join(root, "dist/logs", `${[name, ...args].join("-")}.log`),
    }),
  );
  process.once("exit", () => jobs.forEach((job) => job.stop()));
  return jobs;
}
