import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const BUILD_TREE = join(import.meta.dirname, "../../../tools/root-tree/build.sh");

/** Where Debian's SLURM is, or why nothing can be run. */
export async function findTree(): Promise<{ readonly tree: string } | { readonly missing: string }> {
  if (process.getuid?.() !== 0) return { missing: "needs root, for namespaces" };
  const tree = process.env["SLURM_TREE"] ?? (await execa(BUILD_TREE, ["--path"])).stdout;
  // A link whose end is told from within the tree.
  return lstat(join(tree, "usr/sbin/slurmctld")).then(
    () => ({ tree }),
    () => ({ missing: `no slurmctld in ${tree}; run tools/root-tree/build.sh, or set SLURM_TREE` }),
  );
}
