import { chmod, copyFile, cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { REPOSITORY, type PackageName } from "./args.ts";
import { kubernetesVersion } from "../images/kubernetes-version.ts";
import { K3S_VERSION } from "../k3s/program.ts";
import { renderManifests } from "./chart.ts";
import * as parts from "./parts.ts";
import { programsCalled, UNIT_FOLDER, unitsOf, type Units } from "./units.ts";

const LIB = "usr/lib/cluster-os";
/** What cluster-os-kubernetes brings, by the names by which it is called. */
export const KUBERNETES_PROGRAMS: readonly string[] = [
  "kubelet",
  "kubeadm",
  "kubectl",
  "kube-proxy",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "etcd",
  "etcdutl",
];

const K3S_IMAGES = ["pause.tar", "coredns.tar", "probe.tar"];

/** Folders of bundled programs: those of the machine, and those of pods. */
export interface Bundled {
  readonly host: string;
  readonly pod: string;
}

/** Lays out cluster-os below `root`. */
export async function stageClusterOs(
  root: string,
  units: Units,
  bundled: Bundled,
  version: string,
): Promise<void> {
  await cp(bundled.host, join(root, LIB), { recursive: true });
  await write(join(root, LIB, "package.json"), '{ "type": "module" }\n', 0o644);
  await place(await parts.nodeRuntime(), join(root, LIB, "bin/node"), 0o755);
  await place(await parts.wireguardGo(), join(root, LIB, "bin/wireguard-go"), 0o755);
  await place(await parts.nodeWireguard(), join(root, LIB, "native/netlink.node"), 0o644);
  await place(join(REPOSITORY, "infra/deb/cluster-os/cluster-os"), join(root, "usr/bin/cluster-os"), 0o755);
  // kubectl finds plugins by name; an underscore stands for a hyphen: kubectl cluster-os.
  await symlink("cluster-os", join(root, "usr/bin/kubectl-cluster_os"));
  for (const kind of ["sysusers", "tmpfiles"]) {
    const source = join(REPOSITORY, `infra/deb/cluster-os/${kind}.conf`);
    await place(source, join(root, `usr/lib/${kind}.d/cluster-os.conf`), 0o644);
  }
  await mkdir(join(root, "etc/cluster-os"), { recursive: true });
  const image = await parts.operatorsImage(bundled.pod, version);
  await place(image.file, join(root, LIB, "pod-images", basename(image.file)), 0o644);
  const manifests = await renderManifests({ version, image: image.reference });
  await write(join(root, LIB, "manifests.json"), `${JSON.stringify(manifests)}\n`, 0o644);
  await stageUnits(root, units);
  await requireCalledPrograms(root, units);
  await stageDocumentation(root, "cluster-os");
}

/** Lays out cluster-os-kubernetes below `root`. */
export async function stageKubernetes(root: string, units: Units, minor: parts.Minor): Promise<void> {
  const hyperkube = await parts.hyperkube(minor);
  await place(hyperkube, join(root, LIB, "kubernetes/hyperkube"), 0o755);
  // So that nobody has to run the program to know.
  await write(join(root, LIB, "kubernetes/version"), `${await kubernetesVersion(hyperkube)}\n`, 0o644);
  await mkdir(join(root, "usr/bin"), { recursive: true });
  for (const name of KUBERNETES_PROGRAMS)
    await symlink("../lib/cluster-os/kubernetes/hyperkube", join(root, "usr/bin", name));
  const images = await parts.images(minor);
  for (const name of (await readdir(images)).filter((one) => one.endsWith(".tar"))) {
    await place(join(images, name), join(root, LIB, "images", name), 0o644);
  }
  const sysctl = join(REPOSITORY, "infra/deb/cluster-os-kubernetes/sysctl.conf");
  await place(sysctl, join(root, "usr/lib/sysctl.d/60-cluster-os.conf"), 0o644);
  // The kubelet complains at every start if its folder of static pods is missing.
  await mkdir(join(root, "etc/kubernetes/manifests"), { recursive: true });
  await stageUnits(root, units);
  await stageDocumentation(root, "cluster-os-kubernetes");
}

/** Lays out cluster-os-k3s below `root`. k3s has everything in it but DNS and the container that holds a pod together. */
export async function stageK3s(root: string, units: Units, program: string): Promise<void> {
  await place(program, join(root, "usr/bin/k3s"), 0o755);
  await write(join(root, LIB, "k3s/version"), `${K3S_VERSION}\n`, 0o644);
  // Called by these names it is these programs.
  for (const name of ["kubectl", "crictl"]) await symlink("k3s", join(root, "usr/bin", name));
  const images = await parts.images(undefined);
  for (const name of K3S_IMAGES) await place(join(images, name), join(root, LIB, "images", name), 0o644);
  const sources = join(REPOSITORY, "infra/deb/cluster-os-k3s");
  await place(join(sources, "sysctl.conf"), join(root, "usr/lib/sysctl.d/60-cluster-os.conf"), 0o644);
  await place(join(sources, "tmpfiles.conf"), join(root, "usr/lib/tmpfiles.d/cluster-os-k3s.conf"), 0o644);
  await stageUnits(root, units);
  await stageDocumentation(root, "cluster-os-k3s");
}

/** Lays out cluster-os-slurm below `root`. SLURM itself is Debian's. */
export async function stageSlurm(root: string, units: Units): Promise<void> {
  await place(await parts.fencer(), join(root, LIB, "bin/fencer"), 0o755);
  const sources = join(REPOSITORY, "infra/deb/cluster-os-slurm");
  await place(join(sources, "tmpfiles.conf"), join(root, "usr/lib/tmpfiles.d/cluster-os-slurm.conf"), 0o644);
  const preset = join(root, "usr/lib/systemd/system-preset/20-cluster-os-slurm.preset");
  await place(join(sources, "preset.conf"), preset, 0o644);
  const sshd = join(root, "etc/ssh/sshd_config.d/60-cluster-os-slurm.conf");
  await place(join(sources, "sshd.conf"), sshd, 0o644);
  await stageUnits(root, units);
  await requireCalledPrograms(root, units);
  await stageDocumentation(root, "cluster-os-slurm");
}

async function stageUnits(root: string, units: Units): Promise<void> {
  for (const entry of units.entries) {
    const destination = join(root, "usr/lib/systemd/system", entry);
    if (!entry.endsWith(".d")) await place(join(UNIT_FOLDER, entry), destination, 0o644);
    else {
      for (const file of await readdir(join(UNIT_FOLDER, entry))) {
        await place(join(UNIT_FOLDER, entry, file), join(destination, file), 0o644);
      }
    }
  }
  for (const name of units.libexec)
    await place(join(UNIT_FOLDER, "libexec", name), join(root, LIB, "libexec", name), 0o755);
}

/**
 * A unit that calls a program which is not there would fail on every machine; here it fails once. What the other package
 * brings counts: units that need it start where it is installed.
 */
async function requireCalledPrograms(root: string, units: Units): Promise<void> {
  const ofKubernetes = (await unitsOf("cluster-os-kubernetes")).libexec.map((name) => `libexec/${name}`);
  const own = await readdir(join(root, LIB), { recursive: true });
  const there = new Set([...own, ...ofKubernetes].map((path) => `/${LIB}/${path}`));
  for (const entry of units.entries.filter((name) => !name.endsWith(".d"))) {
    for (const program of programsCalled(await readFile(join(UNIT_FOLDER, entry), "utf8"))) {
      if (!there.has(program)) throw new Error(`${entry} calls ${program}, which is not in the package`);
    }
  }
}

async function stageDocumentation(root: string, packageName: PackageName): Promise<void> {
  const license = await readFile(join(REPOSITORY, "LICENSE"), "utf8");
  const note =
    "Cluster-OS, and the free software that it contains. Notices of bundled packages lie beside the programs.\n\n";
  await write(join(root, "usr/share/doc", packageName, "copyright"), note + license, 0o644);
}

async function place(source: string, destination: string, mode: number): Promise<void> {
  await mkdir(dirname(destination), { recursive: true });
  await copyFile(source, destination);
  await chmod(destination, mode);
}

async function write(path: string, content: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, mode);
}
