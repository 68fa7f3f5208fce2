import { readdir, realpath } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { execa } from "execa";
import type { ImageEntry } from "./image.ts";

/** Debian's folder of libraries on this architecture (a tree has merged /usr: /lib is usr/lib). */
const LIBRARY_FOLDER = "usr/lib/x86_64-linux-gnu";
const LOADER = `${LIBRARY_FOLDER}/ld-linux-x86-64.so.2`;

/** A merged /usr as Debian has it, and the name under which programs look for their loader. */
const LOADER_LINKS: readonly ImageEntry[] = [
  { kind: "link", destination: "lib", target: "usr/lib" },
  { kind: "link", destination: "lib64", target: "usr/lib64" },
  {
    kind: "link",
    destination: "usr/lib64/ld-linux-x86-64.so.2",
    target: "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
  },
];

/**
 * Everything iptables needs to run in an image, out of a Debian tree: the program, its plugins, and the libraries of
 * both. The plugins are opened at run time, so the program's own libraries are not enough: libxt_statistic, without
 * which no Service has more than one endpoint, needs libm, and its absence shows in no health check.
 */
export async function iptablesEntries(tree: string): Promise<readonly ImageEntry[]> {
  const program = "usr/sbin/xtables-nft-multi";
  const pluginFolder = `${LIBRARY_FOLDER}/xtables`;
  const plugins = (await readdir(join(tree, pluginFolder)))
    .filter((name) => name.endsWith(".so"))
    .sort()
    .map((name) => `${pluginFolder}/${name}`);
  const libraries = await librariesOf(tree, [program, ...plugins]);
  const names = ["iptables", "iptables-save", "iptables-restore"].flatMap((name) => [
    name,
    name.replace("ip", "ip6"),
  ]);
  return [
    ...[program, ...plugins].map((path) => file(tree, path, path)),
    ...libraries.map((name) => file(tree, `${LIBRARY_FOLDER}/${name}`, `${LIBRARY_FOLDER}/${name}`)),
    file(tree, LOADER, LOADER),
    ...LOADER_LINKS,
    ...names.map(
      (name) => ({ kind: "link", destination: `usr/sbin/${name}`, target: "xtables-nft-multi" }) as const,
    ),
  ];
}

/**
 * What a program from elsewhere needs to run in an image: its libraries and their loader, out of a Debian tree. The
 * program must have been built for a Debian that is no newer.
 */
export async function runtimeEntries(tree: string, program: string): Promise<readonly ImageEntry[]> {
  const libraries = await librariesOf(tree, [program]);
  return [
    ...libraries.map((name) => file(tree, `${LIBRARY_FOLDER}/${name}`, `${LIBRARY_FOLDER}/${name}`)),
    file(tree, LOADER, LOADER),
    ...LOADER_LINKS,
  ];
}

/**
 * File names of the shared libraries that `paths` need, as the tree's own loader resolves them inside the tree. Paths
 * are below the tree, or absolute. Throws if one is missing.
 */
async function librariesOf(tree: string, paths: readonly string[]): Promise<readonly string[]> {
  const folder = join(tree, LIBRARY_FOLDER);
  const found = new Set<string>();
  for (const path of paths) {
    const { stdout } = await execa(join(tree, LOADER), [
      "--inhibit-cache",
      "--library-path",
      folder,
      "--list",
      resolve(tree, path),
    ]);
    for (const line of stdout.split("\n")) {
      const [, name, location] = /^\s*(\S+) => (\S+)/.exec(line) ?? [];
      if (name === undefined || location === undefined) continue;
      if (!location.startsWith(`${resolve(folder)}/`))
        throw new Error(`${path} needs ${name}, which is not in ${folder}`);
      found.add(basename(name));
    }
  }
  return [...found].sort();
}

function file(tree: string, path: string, destination: string): ImageEntry {
  return { kind: "file", source: join(tree, path), destination, mode: 0o755 };
}

/** Refuses a tree that is not Debian's layout, with what is missing. */
export async function assertDebianTree(tree: string): Promise<void> {
  for (const path of [LOADER, "usr/sbin/xtables-nft-multi", `${LIBRARY_FOLDER}/xtables`]) {
    await realpath(join(tree, path)).catch((cause: unknown) => {
      throw new Error(
        `${tree} is no Debian tree with iptables in it: ${relative(tree, join(tree, path))} is missing`,
        { cause },
      );
    });
  }
}
