import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rename, stat, statfs, utimes } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { LabError } from "../lab-error.ts";
import { FINISH_SCRIPT, INSTALL_SCRIPT } from "../scripts.ts";
import { acquireLock } from "./lock.ts";
import { allPids, readIfThere } from "./processes.ts";
import { removeFolder } from "./store.ts";

export interface RootOptions {
  /** The Debian tree that all machines share; its folder's name is the hash of its recipe. */
  readonly baseTree: string;
  /** Debian packages to install over it, in this order. */
  readonly debs: readonly string[];
  /** Where installed packages are kept by content. */
  readonly cacheFolder: string;
  /** A script that is run in the result, and what it writes kept as one more layer. */
  readonly finish?: string;
  /** Called before a package is installed; not for those found in the cache. */
  readonly onInstall?: ((deb: string) => void) | undefined;
}

/** Layers that no chain in use needs are removed, but for this many of the latest. */
const KEPT_LAYERS = 6;

/**
 * The read-only folders that make up a machine's root, the uppermost first: each package is installed once per content
 * and base into a layer of its own. Installing runs the packages' scripts, in a chroot, as an image build does.
 */
export async function prepareRoot(options: RootOptions): Promise<string[]> {
  await requireFolder(options.baseTree);
  const layers = [options.baseTree];
  let key = basename(options.baseTree);
  await mkdir(options.cacheFolder, { recursive: true });
  await using _lock = await acquireLock(`layers ${options.cacheFolder}`, {
    what: "the lab's package layers",
    timeoutMs: 300_000,
  });
  for (const deb of options.debs) {
    key = await layerKey(key, deb);
    const layer = join(options.cacheFolder, key);
    if (!(await isThere(layer))) {
      options.onInstall?.(basename(deb));
      await install(deb, layers, layer, options.cacheFolder);
    }
    const now = new Date();
    await utimes(layer, now, now);
    layers.unshift(layer);
  }
  if (options.finish !== undefined) {
    key = await layerKey(`${key} ${FINISH_SCRIPT}`, options.finish);
    const layer = join(options.cacheFolder, key);
    if (!(await isThere(layer))) {
      options.onInstall?.("what they do once");
      await finish(options.finish, layers, layer, options.cacheFolder);
    }
    layers.unshift(layer);
  }
  await prune(options.cacheFolder, layers);
  for (const path of layers) requirePlainPath(path);
  return layers;
}

async function layerKey(below: string, deb: string): Promise<string> {
  const digest = createHash("sha256").update(`${below}\n${INSTALL_SCRIPT}\n`);
  try {
    await pipeline(createReadStream(deb), digest);
  } catch (cause) {
    throw new LabError(`cannot read the package ${deb}`, { cause, hint: "build the packages: make node" });
  }
  return digest.digest("hex");
}

async function finish(
  script: string,
  layers: readonly string[],
  layer: string,
  cacheFolder: string,
): Promise<void> {
  await writeLayer(
    { name: basename(script), program: FINISH_SCRIPT, layers, layer, cacheFolder },
    (draft) => [join(draft, "data"), script],
  );
}

async function install(
  deb: string,
  layers: readonly string[],
  layer: string,
  cacheFolder: string,
): Promise<void> {
  const { size } = await stat(deb);
  const { bavail, bsize } = await statfs(cacheFolder);
  // Packages are compressed to a third or better.
  if (bavail * bsize < size * 5) {
    throw new LabError(`${cacheFolder} has too little space to install ${basename(deb)}`, {
      hint: `free ${Math.ceil((size * 5) / 2 ** 20)} MiB there`,
    });
  }
  await writeLayer({ name: basename(deb), program: INSTALL_SCRIPT, layers, layer, cacheFolder }, () => [deb]);
}

interface LayerOptions {
  /** What makes it, for its log and for errors. */
  readonly name: string;
  /** The script that writes it: its arguments are the layers, upper, work, root, and whatever the caller adds. */
  readonly program: string;
  readonly layers: readonly string[];
  readonly layer: string;
  readonly cacheFolder: string;
}

async function writeLayer(
  { name, program, layers, layer, cacheFolder }: LayerOptions,
  more: (draft: string) => readonly string[],
): Promise<void> {
  const draft = await mkdtemp(join(cacheFolder, "draft."));
  const log = join(cacheFolder, `${name}.log`);
  try {
    for (const part of ["upper", "work", "root", "data"]) await mkdir(join(draft, part));
    await writeScript(join(draft, "program"), program);
    const steps = ["--mount", "--propagation", "slave", "/bin/sh", join(draft, "program")];
    const places = [layers.join(":"), join(draft, "upper"), join(draft, "work"), join(draft, "root")];
    const { exitCode, all } = await execa("unshare", [...steps, ...places, ...more(draft)], {
      reject: false,
      all: true,
      stdin: "ignore",
    });
    await writeScript(log, all ?? "", 0o644);
    if (exitCode !== 0) throw new LabError(`could not install ${name}: ${lastLine(all)}`, { log });
    await rename(join(draft, "upper"), layer);
  } finally {
    await removeFolder(draft);
  }
}

/** Removes old layers, but none that is, or may be, the root of a running machine. */
async function prune(cacheFolder: string, used: readonly string[]): Promise<void> {
  const names = (await readdir(cacheFolder)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const aged = await Promise.all(
    names.map(async (name) => ({
      path: join(cacheFolder, name),
      mtimeMs: (await stat(join(cacheFolder, name))).mtimeMs,
    })),
  );
  const old = aged
    .sort((left, right) => right.mtimeMs - left.mtimeMs)
    .slice(KEPT_LAYERS)
    .filter(({ path }) => !used.includes(path));
  if (old.length === 0) return;
  const mounts = await Promise.all((await allPids()).map((pid) => readIfThere(`/proc/${pid}/mountinfo`)));
  for (const { path } of old) {
    if (!mounts.some((table) => table?.includes(path))) await removeFolder(path);
  }
}

/** Writes a file that is not worth an atomic one: it is used by the next command and then removed. */
export async function writeScript(path: string, content: string, mode = 0o700): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

async function requireFolder(baseTree: string): Promise<void> {
  if (await isThere(join(baseTree, "etc/machine-id"))) return;
  throw new LabError(`there is no Debian tree for lab machines at ${baseTree}`, {
    hint: "make it: tools/root-tree/build.sh",
  });
}

/** The option string of an overlay mount has no way to quote these characters that old kernels understand. */
function requirePlainPath(path: string): void {
  if (/[:,\\]/.test(path)) {
    throw new LabError(`an overlay cannot be mounted from ${path}`, {
      hint: "choose a path without colon, comma and backslash",
    });
  }
}

export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function lastLine(text: string | undefined): string {
  return (text ?? "").trim().split("\n").at(-1) ?? "";
}
