import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

export const REPOSITORY = resolve(import.meta.dirname, "../..");

/** Every build of this repository keeps its results by content below this folder. */
export const CACHE =
  process.env["CLUSTER_OS_CACHE"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "cluster-os");

export interface Args {
  /** Where the packages go. */
  readonly out: string;
  /** The folder of the apps, each with src/main.ts. */
  readonly apps: string;
  readonly packages: readonly PackageName[];
  /** Another minor version of Kubernetes than the usual one, for example "v1.35"; undefined: the usual one. */
  readonly kubernetes: string | undefined;
}

/** What a machine of the lab has, in the order in which they are installed. */
export const PACKAGE_NAMES = ["cluster-os-kubernetes", "cluster-os", "cluster-os-slurm"] as const;
/** Every package there is. That of k3s needs its program, see tools/k3s. */
export const ALL_PACKAGES = [...PACKAGE_NAMES, "cluster-os-k3s"] as const;
export type PackageName = (typeof ALL_PACKAGES)[number];

export const USAGE = `usage: node tools/deb/build.ts [--out FOLDER] [--apps FOLDER] [--kubernetes vX.Y] [PACKAGE...]
packages: ${ALL_PACKAGES.join(" ")} (default: ${PACKAGE_NAMES.join(", ")})`;

/** Throws a TypeError for anything that is not in the usage. */
export function parse(argv: readonly string[]): Args {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      out: { type: "string", default: join(REPOSITORY, "dist") },
      apps: { type: "string", default: join(REPOSITORY, "apps") },
      kubernetes: { type: "string" },
    },
    allowPositionals: true,
  });
  const packages = positionals.map((name) => {
    const known = ALL_PACKAGES.find((one) => one === name);
    if (known === undefined) throw new TypeError(`there is no package ${name}`);
    return known;
  });
  return {
    out: resolve(values.out),
    apps: resolve(values.apps),
    kubernetes: values.kubernetes,
    packages: packages.length > 0 ? packages : PACKAGE_NAMES,
  };
}
