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
}

export const PACKAGE_NAMES = ["cluster-os-kubernetes", "cluster-os"] as const;
export type PackageName = (typeof PACKAGE_NAMES)[number];

export const USAGE = `usage: node tools/deb/build.ts [--out FOLDER] [--apps FOLDER] [PACKAGE...]
packages: ${PACKAGE_NAMES.join(" ")} (default: both)`;

/** Throws a TypeError for anything that is not in the usage. */
export function parse(argv: readonly string[]): Args {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      out: { type: "string", default: join(REPOSITORY, "dist") },
      apps: { type: "string", default: join(REPOSITORY, "apps") },
    },
    allowPositionals: true,
  });
  const packages = positionals.map((name) => {
    const known = PACKAGE_NAMES.find((one) => one === name);
    if (known === undefined) throw new TypeError(`there is no package ${name}`);
    return known;
  });
  return {
    out: resolve(values.out),
    apps: resolve(values.apps),
    packages: packages.length > 0 ? packages : PACKAGE_NAMES,
  };
}
