import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { UpgradeReport } from "@cluster-os/api";
import type { Machine } from "@cluster-os/lab";
import { execa } from "execa";
import { kubectlJson, must } from "./cluster-os.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The minor version after the one that machines get. */
export const NEXT = "v1.35";

/** A package of Kubernetes, and what runs after an upgrade to it, for example "v1.35.4". */
export interface KubernetesPackage {
  readonly file: string;
  readonly version: string;
}

interface KubeNode {
  readonly metadata: { readonly name: string };
  readonly status: { readonly nodeInfo: { readonly kubeletVersion: string } };
}

/** Builds the package of the next version. */
export async function buildNext(): Promise<KubernetesPackage> {
  const args = ["--out", join(ROOT, "dist/next"), "--kubernetes", NEXT, "cluster-os-kubernetes"];
  const { stdout } = await execa(process.execPath, [join(ROOT, "tools/deb/build.ts"), ...args], {
    stderr: "inherit",
  });
  const file = stdout.trim();
  const version = (await execa("dpkg-deb", ["--field", file, "Kubernetes-Version"])).stdout.trim();
  return { file, version };
}

/** Copies a file of this host into a machine's /root; returns its path there. */
export async function give(machine: Machine, file: string): Promise<string> {
  const path = `/root/${basename(file)}`;
  await machine.run(["dd", `of=${path}`, "bs=1M", "status=none"], { stdin: await readFile(file) });
  return path;
}

/** What each node's kubelet says that it runs. */
export async function kubeletVersions(): Promise<ReadonlyMap<string, string>> {
  const { items } = await kubectlJson<{ readonly items: readonly KubeNode[] }>("get", "nodes");
  return new Map(items.map(({ metadata, status }) => [metadata.name, status.nodeInfo.kubeletVersion]));
}

export async function upgradeStatus(): Promise<UpgradeReport> {
  return UpgradeReport.parse(JSON.parse(await must(["upgrade", "status", "-o", "json"])));
}
