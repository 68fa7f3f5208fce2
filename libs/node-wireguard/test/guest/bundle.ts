/**
 * Puts the contract suite into a folder that needs nothing of this repository:
 *
 *     node --conditions=@cluster-os/source libs/node-wireguard/test/guest/bundle.ts FOLDER
 *
 * On a machine whose kernel has WireGuard, as root: `node FOLDER/contract.js`.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const ADDON = join(import.meta.dirname, "../../dist/netlink.node");

/** Puts the programs into the folder `out`; they look for the native half beside them, as native/netlink.node. */
export async function bundleContract(out: string): Promise<void> {
  await build({
    entryPoints: ["contract.ts", "record.ts"].map((name) => join(import.meta.dirname, name)),
    outdir: out,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    conditions: ["@cluster-os/source"],
    banner: {
      js: 'import { createRequire as requireIn } from "node:module";\nconst require = requireIn(import.meta.url);',
    },
    logLevel: "error",
  });
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("usage: node bundle.ts FOLDER");
    process.exit(2);
  }
  await bundleContract(folder);
  await mkdir(join(folder, "native"), { recursive: true });
  await copyFile(ADDON, join(folder, "native/netlink.node"));
}
