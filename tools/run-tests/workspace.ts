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
  /** What Nx can run in it. */
  readonly targets: readonly string[];
}

interface Graph {
  readonly graph: {
    readonly nodes: Readonly<
      Record<string, { readonly data: { readonly root: string; readonly targets: object } }>
    >;
  };
}

/** Every project of the workspace, as Nx sees it. */
export async function listProjects(): Promise<readonly Project[]> {
  const { stdout } = await execa("nx", ["graph", "--print"], { cwd: root, env: toolEnv });
  const { nodes } = (JSON.parse(stdout) as Graph).graph;
  return Object.entries(nodes).map(([name, { data }]) => ({
    name,
    folder: data.root,
    targets: Object.keys(data.targets),
  }));
}

/** Where the reporter (tools/test/reporter.cjs) leaves a project's counts. */
export function resultsFile(project: Project): string {
  return join(root, project.folder, "dist/test-results.json");
}
