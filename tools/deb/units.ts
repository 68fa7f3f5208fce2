import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { REPOSITORY, type PackageName } from "./args.ts";

export interface Units {
  /** Entries of infra/systemd: unit files, and folders of additions to others' units (NAME.d). */
  readonly entries: readonly string[];
  /** Units that systemd starts at boot. */
  readonly enabled: readonly string[];
  /** Units that are restarted when the package is upgraded. */
  readonly restarted: readonly string[];
  /** Programs that only units call. */
  readonly libexec: readonly string[];
}

export const UNIT_FOLDER = join(REPOSITORY, "infra/systemd");

/** What belongs to the packages that bring Kubernetes and SLURM; everything else is in cluster-os. */
const OWNERS: Readonly<Record<string, PackageName>> = {
  "kubelet.service": "cluster-os-kubernetes",
  "kubelet.service.d": "cluster-os-kubernetes",
  "containerd.service.d": "cluster-os-kubernetes",
  "cluster-os-images.service": "cluster-os-kubernetes",
  "import-images": "cluster-os-kubernetes",
  "cluster-os-slurmctld.service": "cluster-os-slurm",
  "cluster-os-slurmrestd.service": "cluster-os-slurm",
  "cluster-os-node-agent.service.d": "cluster-os-slurm",
  "munge.service.d": "cluster-os-slurm",
  "slurmd.service.d": "cluster-os-slurm",
  "k3s.service": "cluster-os-k3s",
  "k3s-agent.service": "cluster-os-k3s",
  "k3s-link-images": "cluster-os-k3s",
  "k3s-stop-pods": "cluster-os-k3s",
};

/** The mesh and the balancer carry traffic, and outlive an upgrade. */
const RESTARTED = new Set([
  "cluster-os-bootstrap.service",
  "cluster-os-node-agent.service",
  "cluster-os-pod-images.service",
]);

export async function unitsOf(packageName: PackageName): Promise<Units> {
  const isOurs = (name: string): boolean => (OWNERS[name] ?? "cluster-os") === packageName;
  const names = (await readdir(UNIT_FOLDER)).sort().filter(isOurs);
  const entries = names.filter((name) => /\.(service|socket|target|path|timer|slice|mount|d)$/.test(name));
  const enabled: string[] = [];
  for (const name of entries.filter((entry) => !entry.endsWith(".d"))) {
    if (/^\[Install\]$/m.test(await readFile(join(UNIT_FOLDER, name), "utf8"))) enabled.push(name);
  }
  return {
    entries,
    enabled,
    restarted: entries.filter((name) => RESTARTED.has(name)),
    libexec: (await readdir(join(UNIT_FOLDER, "libexec")).catch(() => [])).sort().filter(isOurs),
  };
}

/** Programs below /usr/lib/cluster-os that a unit calls: each of them has to be in the packages. */
export function programsCalled(unit: string): string[] {
  return unit
    .split("\n")
    .filter((line) => /^Exec[A-Za-z]+=/.test(line))
    .flatMap(
      (line) =>
        line.match(
          /\/usr\/lib\/cluster-os\/[^\s;"']+\.js|\/usr\/lib\/cluster-os\/(?:bin|libexec)\/[^\s;"']+/g,
        ) ?? [],
    )
    .filter((path, index, all) => all.indexOf(path) === index && basename(path) !== "");
}
