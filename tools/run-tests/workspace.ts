import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

/** The folder above tools/. */
export const root = join(import.meta.dirname, "../..");

/** The environment in which `node` and every tool is the one this workspace installed. */
export const toolEnv = {
  ...process.env,
  PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
};

export interface Project {
  readonly name: string;
  /** Relative to the root. */
  readonly folder: string;
}

interface Graph {
  readonly graph: { readonly nodes: Readonly<Record<string, { readonly data: { readonly root: string } }>> };
}

/** What `tsc --build` at the root looks at: the projects that have landed. */
export const landed: readonly string[] = (
  JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as { references: readonly { path: string }[] }
).references.map(({ path }) => path);

/** The landed projects of the workspace, as Nx sees it. */
export async function listProjects(): Promise<readonly Project[]> {
  const { stdout } = await execa("nx", ["graph", "--print"], { cwd: root, env: toolEnv });
  const { nodes } = (JSON.parse(stdout) as Graph).graph;
  return Object.entries(nodes)
    .map(([name, { data }]) => ({ name, folder: data.root }))
    .filter(({ folder }) => landed.includes(folder));
}

/** Whether there is anything to run in a project. */
export function hasTests(project: Project): boolean {
  return (
    globSync("**/*.test.ts", {
      cwd: join(root, project.folder),
      exclude: ["dist", "node_modules"],
    }).length > 0
  );
}

/** Where the reporter (tools/test/reporter.cjs) leaves a project's counts. */
export function resultsFile(project: Project): string {
  return join(root, project.folder, "dist/test-results.json");
}
