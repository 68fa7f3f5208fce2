/**
 * Puts bench/src/mesh.ts into a folder that needs nothing of this repository:
 *
 *     node --conditions=@cluster-os/source bench/src/mesh/bundle.ts FOLDER
 *
 * On a machine with Node, iproute2 and root: `node FOLDER/mesh.js`.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { nodeWireguard, wireguardGo } from "@cluster-os/tools/parts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node bench/src/mesh/bundle.ts FOLDER");
  process.exit(2);
}
const out = resolve(folder);
await mkdir(join(out, "native"), { recursive: true });
await build({
  entryPoints: [join(import.meta.dirname, "../mesh.ts")],
  outdir: out,
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
await copyFile(await nodeWireguard(), join(out, "native/netlink.node"));
await copyFile(await wireguardGo(), join(out, "wireguard-go"));
