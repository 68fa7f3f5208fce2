import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { compareText } from "@cluster-os/std";
import { LabError } from "../lab-error.ts";

/** A Debian tree of this checkout's recipe; `build` is the script that makes it. */
export async function findTree(
  repository: string,
  build: string,
  ...which: readonly string[]
): Promise<string> {
  const { exitCode, stdout, stderr } = await execa(join(repository, build), ["--path", ...which], {
    reject: false,
  });
  if (exitCode !== 0) throw new LabError(`${build} --path failed: ${stderr?.trim() ?? ""}`);
  const isBuilt = await stat(stdout.trim()).then(
    () => true,
    () => false,
  );
  if (!isBuilt)
    throw new LabError("a Debian tree of the lab's machines is not built", {
      hint: `build it: ${[build, ...which].join(" ")}`,
    });
  return stdout.trim();
}

/** Kubernetes first: it changes seldom, so its layer is used again. */
const PACKAGES = ["cluster-os-kubernetes", "cluster-os"];
/** What stands on Debian packages that only the lab's tree has. */
const SLURM_PACKAGE = "cluster-os-slurm";

/** The newest build of each package, in the order in which to install them. */
export async function findDebs(folder: string, withSlurm: boolean): Promise<string[]> {
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => name.endsWith(".deb"))
    .sort(compareText);
  return Promise.all(
    [...PACKAGES, ...(withSlurm ? [SLURM_PACKAGE] : [])].map(async (packageName) => {
      const found = names.filter((name) => name.startsWith(`${packageName}_`));
      const aged = await Promise.all(
        found.map(async (name) => ({
          path: join(folder, name),
          mtimeMs: (await stat(join(folder, name))).mtimeMs,
        })),
      );
      const newest = aged.sort((left, right) => right.mtimeMs - left.mtimeMs)[0];
      if (newest === undefined) {
        throw new LabError(`there is no ${packageName} package in ${folder}`, {
          hint: "build the packages: make node",
        });
      }
      return newest.path;
    }),
  );
}
