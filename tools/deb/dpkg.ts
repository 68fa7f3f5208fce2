import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { basename, join } from "node:path";
import { execa } from "execa";
import { REPOSITORY, type PackageName } from "./args.ts";
import type { Units } from "./units.ts";

/** 2026-01-01: every file of a package has this date, so that two builds of one source are the same bytes. */
const DEFAULT_EPOCH = "1767225600";

export interface PackOptions {
  readonly name: PackageName;
  readonly version: string;
  /** Of a package that brings Kubernetes: which. */
  readonly kubernetes: string | undefined;
  readonly units: Units;
  /** The laid out files. */
  readonly root: string;
  readonly file: string;
}

/** Makes a package of the files below `root` and the packaging scripts in infra/deb. */
export async function pack({ name, version, kubernetes, units, root, file }: PackOptions): Promise<void> {
  const sources = join(REPOSITORY, "infra/deb", name);
  const control = join(root, "DEBIAN");
  await mkdir(control, { recursive: true });
  const values: Record<string, string> = {
    VERSION: version,
    ...(kubernetes !== undefined && { KUBERNETES_VERSION: kubernetes }),
    INSTALLED_SIZE: String(await installedKib(root)),
    UNITS: units.enabled.join(" "),
    ALL_UNITS: units.entries.filter((entry) => !entry.endsWith(".d")).join(" "),
    RESTARTED_UNITS: units.restarted.join(" "),
  };
  for (const script of ["control", "postinst", "prerm", "postrm"]) {
    await writeFile(join(control, script), fill(await readFile(join(sources, script), "utf8"), values));
    await chmod(join(control, script), script === "control" ? 0o644 : 0o755);
  }
  // Level 1: four times faster than the default, and packages are unpacked far more often than they travel.
  const args = ["--root-owner-group", "-Zzstd", "-z1", "--build", root, file];
  await execa("dpkg-deb", args, {
    env: { SOURCE_DATE_EPOCH: process.env["SOURCE_DATE_EPOCH"] ?? DEFAULT_EPOCH },
  });
}

/** Copies a package to where it is wanted, unless it is there, and removes other versions of it. Returns its path. */
export async function deliver(file: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const [name = ""] = basename(file).split("_");
  for (const other of await readdir(folder)) {
    if (other.startsWith(`${name}_`) && other.endsWith(".deb") && other !== basename(file))
      await rm(join(folder, other));
  }
  const destination = join(folder, basename(file));
  const wanted = await stat(file);
  const there = await stat(destination).catch(() => undefined);
  if (there?.size === wanted.size && Math.abs(there.mtimeMs - wanted.mtimeMs) < 1) return destination;
  // Of each process its own: two may deliver the same at the same time.
  const draft = `${destination}.${process.pid}.new`;
  await copyFile(file, draft);
  await utimes(draft, wanted.atime, wanted.mtime);
  await rename(draft, destination);
  return destination;
}

/** Replaces @NAME@ by its value. A name without one is a mistake in the template. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`a packaging script uses @${name}@, which has no value`);
    return value;
  });
}

async function installedKib(root: string): Promise<number> {
  const { stdout } = await execa("du", ["--summarize", "--apparent-size", "--block-size=1K", root]);
  return Number.parseInt(stdout, 10);
}
