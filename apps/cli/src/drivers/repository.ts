import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { CommandError } from "../command.ts";
import type { LabDriver } from "../site.ts";

/** The checkout this program runs from; undefined if it was installed as a package. */
export function findRepository(from: string): string | undefined {
  if (existsSync(join(from, "tools/deb/build.ts"))) return from;
  const above = dirname(from);
  return above === from ? undefined : findRepository(above);
}

/** The scripts that make the Debian trees of each kind of machine, with their arguments. */
const TREES: Record<LabDriver, readonly (readonly [string, ...string[]])[]> = {
  nspawn: [["tools/root-tree/build.sh"]],
  qemu: [
    ["tools/vm-image/build.sh", "tools"],
    ["tools/vm-image/build.sh", "machine"],
  ],
};

/** Brings the packages and the machines' Debian tree up to date; takes no time when they are. */
export async function buildLab(
  repository: string,
  driver: LabDriver,
  onStep: (what: string) => void,
): Promise<void> {
  for (const [script, ...args] of TREES[driver]) await build(repository, join(repository, script), args);
  onStep("the machines' Debian tree is there");
  await build(repository, process.execPath, [join(repository, "tools/deb/build.ts")]);
  onStep("the packages are built");
}

async function build(repository: string, program: string, args: readonly string[]): Promise<void> {
  // What is built, or the path of it, is of no interest here; what goes wrong, and how far a long build is, is.
  const { failed, shortMessage, cause } = await execa(program, args, {
    cwd: repository,
    reject: false,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  if (failed) throw new CommandError(`${shortMessage}; its reason is above`, { hint: "make deps", cause });
}
