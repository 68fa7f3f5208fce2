/**
 * Builds the program of libs/fencer into FILE:
 *
 *     node tools/fencer/build.ts FILE
 *
 * A result is kept by what it was made from, so this is quick when nothing changed, and two at once do no harm.
 */
import { copyFile, mkdir, readdir, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { CACHE, REPOSITORY } from "../deb/args.ts";
import { kept, keyOf, keyOfFiles } from "../deb/kept.ts";

const SOURCE = join(REPOSITORY, "libs/fencer/native");
const NAME = "fencer";
const FLAGS = [
  ..."-std=c17 -D_GNU_SOURCE -O2 -D_FORTIFY_SOURCE=2 -fPIE -pie -fstack-protector-strong -fvisibility=hidden".split(
    " ",
  ),
  ..."-Wall -Wextra -Werror -Wl,-z,relro,-z,now -Wl,--build-id=none -s".split(" "),
  `-ffile-prefix-map=${SOURCE}=.`,
];

/** The built program, now or in an earlier build. */
export async function fencer(): Promise<string> {
  const key = keyOf(await keyOfFiles(SOURCE, import.meta.filename), process.arch);
  const folder = await kept(join(CACHE, "fencer"), key, async (draft) => {
    const sources = (await readdir(SOURCE)).filter((name) => name.endsWith(".c")).sort();
    const paths = sources.map((name) => join(SOURCE, name));
    await execa("gcc", [...FLAGS, "-o", join(draft, NAME), ...paths]);
  });
  return join(folder, NAME);
}

if (import.meta.main) {
  const [file, ...others] = process.argv.slice(2);
  if (file === undefined || others.length > 0) {
    console.error("usage: node tools/fencer/build.ts FILE");
    process.exit(2);
  }
  await deliver(await fencer(), resolve(file));
}

/** Whole or not at all: a program that runs keeps the old one. */
async function deliver(built: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  await copyFile(built, draft);
  await rename(draft, file);
}
