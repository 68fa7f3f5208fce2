import { access } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

/** The programs that the package brings to each machine, each the app of that name. */
export const HOST_PROGRAMS = ["bootstrap", "node-agent", "cli"] as const;

/** Programs that run in pods, together in one image: Node is most of it, and what they share is there once. */
export const POD_PROGRAMS = ["clusternode-operator", "slurm-operator"] as const;

/**
 * Bundles the apps into `out`: one small file each, and shared chunks. What an app imports lazily (the Kubernetes
 * client costs 40 MB of memory) stays a chunk of its own that only those load who use it.
 */
export async function bundle(apps: string, programs: readonly string[], out: string): Promise<void> {
  const entryPoints = await Promise.all(
    programs.map(async (app) => {
      const source = join(apps, app, "src/main.ts");
      await access(source).catch((cause: unknown) => {
        throw new Error(`the app ${app} has no ${source}`, { cause });
      });
      return { in: source, out: app };
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
    // Development helpers of libraries cost a tenth of the time to start.
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "linked",
    // Bundled CommonJS packages call require() for Node's own modules.
    banner: {
      js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);',
    },
    logLevel: "error",
  });
}
