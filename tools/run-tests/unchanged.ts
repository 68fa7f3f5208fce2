import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CACHE, REPOSITORY } from "../deb/args.ts";
import { keyOfFiles } from "../deb/kept.ts";
import type { Counts } from "./counts.ts";

/**
 * What decides how machines boot, are reached, build their mesh and come back, a kernel of their own given: the rest is
 * tested on the lab's machines at every run.
 */
const INPUTS = [
  "infra/deb",
  "infra/lab/packages",
  "infra/qemu",
  "infra/systemd",
  "tools/root-tree/packages.sh",
  "tools/vm-image",
  "libs/lab/src",
  "libs/mesh/src",
  "libs/node-wireguard/native",
  "libs/node-wireguard/src",
  "apps/bootstrap/src",
  "e2e/src",
  "e2e/vm",
];

/** Nothing was tried, so nothing passed and nothing failed. */
const SKIPPED: Counts = { passed: 0, failed: 0 };

/** Runs the emulated machines' tests, unless they passed on this host with the very same files. */
export async function unlessUnchanged(run: () => Promise<Counts>): Promise<Counts> {
  const key = await keyOfFiles(...INPUTS.map((path) => join(REPOSITORY, path)));
  const record = join(CACHE, "vm-passed", key);
  const passedAt = (await stat(record).catch(() => undefined))?.mtime;
  if (passedAt !== undefined) {
    console.log(`skipped, neither passed nor failed: of its files none changed since it passed on`);
    console.log(`${passedAt.toISOString()}; remove ${record} to run it again, or: make test-vm`);
    return SKIPPED;
  }
  const counts = await run();
  if (counts.failed === 0 && counts.passed > 0) {
    await mkdir(join(CACHE, "vm-passed"), { recursive: true });
    await writeFile(record, "");
  }
  return counts;
}
