import type { SlurmClusterSpec, SlurmConfig } from "@cluster-os/api";

/** What signs the messages of a SLURM with these files; munge where slurm.conf does not say, as SLURM itself has it (slurm.conf(5)). */
export function signerOf(files: SlurmConfig["files"]): SlurmClusterSpec["auth"] {
  return /^AuthType=auth\/slurm$/m.test(files["slurm.conf"] ?? "") ? "slurm" : "munge";
}
