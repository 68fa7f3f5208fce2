import { access } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

/** The programs of the package and the app each is made from. */
const PROGRAMS = { bootstrap: "bootstrap", "node-agent": "node-agent", cli: "cli" } as const;

/**
 * Bundles the apps into `out`: one small file each, and shared chunks. What an app imports lazily (the Kubernetes
 * client costs 40 MB of memory) stays a chunk of its own that only those load who use it.
 */
export async function bundle(apps: string, out: string): Promise<void> {
  const entryPoints = await Promise.all(
    Object.entries(PROGRAMS).map(async ([program, app]) => {
      const source = join(apps, app, "src/main.ts");
      await access(source).catch((cause: unknown) => {
        throw new Error(`the app ${app} has no ${source}`, { cause });
      });
      return { in: source, out: program };
    }),
  );
  await build({
    entryPoints,
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    conditions: ["@cluster-os/source"],
    chunkNames: "chunks/[name]-[hash]",
    // Stack traces in a cluster's logs are worth more than a megabyte.
    minify: false,
    keepNames: true,
    legalComments: "linked",
    // Bundled CommonJS packages call require() for Node's own modules.
    banner: {
      js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);',
    },
    logLevel: "error",
  });
}
