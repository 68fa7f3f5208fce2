import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { execa } from "execa";
import type { BackgroundJob } from "./background.ts";
import { countsOf, ONE_FAILED, ONE_PASSED, type Counts } from "./counts.ts";
import { unlessUnchanged } from "./unchanged.ts";
import { resultsFile, root, toolEnv, type Project } from "./workspace.ts";

export const STAGE_NAMES = [
  "format",
  "lint",
  "typecheck",
  "builds",
  "unit",
  "repository",
  "simulation",
  "lab",
  "vm",
] as const;
export type StageName = (typeof STAGE_NAMES)[number];

export interface Stage {
  readonly name: StageName;
  /** Runs it, on this terminal. What cannot even be run throws. */
  run(): Promise<Counts>;
}

/** Tests of the repository as a whole: a stage of their own, never replayed. */
const REPOSITORY = "@cluster-os/tools";

/** What `make test` does, in its order: the quick and cheap first. */
export function stages(projects: readonly Project[], background: readonly BackgroundJob[]): readonly Stage[] {
  const tested = projects.filter(({ targets }) => targets.includes("test"));
  return [
    { name: "format", run: () => check("prettier", ["--check", "."]) },
    { name: "lint", run: () => check("eslint", [".", "--max-warnings=0"]) },
    { name: "typecheck", run: () => check("tsc", ["--build"]) },
    { name: "builds", run: () => build(background) },
    {
      name: "unit",
      run: () =>
        test(
          tested.filter(({ name }) => name !== REPOSITORY),
          "test",
        ),
    },
    {
      name: "repository",
      run: () =>
        test(
          tested.filter(({ name }) => name === REPOSITORY),
          "test",
        ),
    },
    {
      name: "simulation",
      run: () =>
        test(
          projects.filter(({ targets }) => targets.includes("simulate")),
          "simulate",
        ),
    },
    {
      name: "lab",
      run: () =>
        test(
          projects.filter(({ targets }) => targets.includes("e2e-lab")),
          "e2e-lab",
        ),
    },
    {
      name: "vm",
      run: () =>
        unlessUnchanged(() => emulated(projects.filter(({ targets }) => targets.includes("e2e-vm")))),
    },
  ];
}

/** The packages, and what they are made of: some unit tests run a real API server, and the lab boots them. */
async function build(background: readonly BackgroundJob[]): Promise<Counts> {
  for (const job of background) await job.done();
  return check(process.execPath, ["tools/deb/build.ts"]);
}

/** Two emulated machines, without Kubernetes: minutes, where all of it takes half an hour (`make test-vm`). */
function emulated(projects: readonly Project[]): Promise<Counts> {
  return test(projects, "e2e-vm", { CLUSTER_OS_VM_NODES: "2", CLUSTER_OS_VM_PART: "machines" });
}

/** A check has no cases to count: it held or it did not. */
async function check(program: string, args: readonly string[]): Promise<Counts> {
  return (await run(program, args)) === 0 ? ONE_PASSED : ONE_FAILED;
}

/** Runs a target of these projects through Nx, which replays what it has seen with the same inputs. */
async function test(
  projects: readonly Project[],
  target: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Counts> {
  if (projects.length === 0) throw new Error("no project has such tests");
  for (const project of projects) rmSync(resultsFile(project), { force: true });
  const parallel = Math.min(2, availableParallelism(), projects.length);
  const args = [
    "run-many",
    `--targets=${target}`,
    `--projects=${projects.map(({ name }) => name).join(",")}`,
    `--parallel=${parallel}`,
    "--nxBail=false",
    // Two that run side by side are shown one after the other; one alone line by line.
    `--outputStyle=${parallel === 1 ? "stream-without-prefixes" : "static"}`,
  ];
  const exitCode = await run("nx", args, env);
  return countsOf(projects.map(resultsFile), exitCode);
}

async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { exitCode } = await execa(program, args, {
    cwd: root,
    env: { ...toolEnv, ...env },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    reject: false,
  });
  return exitCode ?? 1;
}
