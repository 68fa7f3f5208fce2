import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { nodeWireguard, wireguardGo } from "@cluster-os/tools/parts";

/**
 * Puts bench/src/mesh.ts into a folder that needs nothing of this repository: on a machine with Node, iproute2 and root,
 * `node FOLDER/mesh.js` runs it.
 */
export async function bundleMesh(folder: string): Promise<void> {
  await mkdir(join(folder, "native"), { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, "../mesh.ts")],
    outdir: folder,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    conditions: ["@cluster-os/source"],
    external: ["@cluster-os/tools/*"],
    banner: {
      js: 'import { createRequire as requireIn } from "node:module";\nconst require = requireIn(import.meta.url);',
    },
    logLevel: "error",
  });
  await copyFile(await nodeWireguard(), join(folder, "native/netlink.node"));
  await copyFile(await wireguardGo(), join(folder, "wireguard-go"));
}
