import { homedir } from "node:os";
import { join } from "node:path";
import { findBaseTree, findDebs } from "./drivers/artifact-files.ts";
import type { LabOptions } from "./lab.ts";

/** What `up` needs from the builds. */
export interface Artifacts {
  readonly baseTree: string;
  readonly debs: readonly string[];
  readonly cacheFolder: string;
}

/** The tree and the packages as this checkout builds them. Throws LabError with the command that makes what is missing. */
export async function findArtifacts(repository: string, env: NodeJS.ProcessEnv): Promise<Artifacts> {
  const cache =
    env["CLUSTER_OS_CACHE"] ?? join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "cluster-os");
  return {
    baseTree: await findBaseTree(repository),
    debs: await findDebs(join(repository, "dist")),
    cacheFolder: join(cache, "lab-root"),
  };
}

/** Name and place of the lab as the environment wants them: CLUSTER_OS_LAB and CLUSTER_OS_LAB_DIR. */
export function labOptionsFrom(env: NodeJS.ProcessEnv): LabOptions {
  const name = env["CLUSTER_OS_LAB"];
  const stateFolder = env["CLUSTER_OS_LAB_DIR"];
  return { ...(name ? { name } : {}), ...(stateFolder ? { stateFolder } : {}) };
}
