import { homedir } from "node:os";
import { join } from "node:path";
import { findDebs, findTree } from "./drivers/artifact-files.ts";
import { LabError } from "./lab-error.ts";
import type { LabOptions } from "./lab.ts";
import type { DriverName, QemuMake } from "./state.ts";

/** What `up` needs from the builds. */
export type Artifacts = NspawnArtifacts | QemuArtifacts;

interface CommonArtifacts {
  /** The Debian tree below the packages, see tools/root-tree and tools/vm-image. */
  readonly baseTree: string;
  /** The packages to install, in order; kept by content in `cacheFolder`. */
  readonly debs: readonly string[];
  readonly cacheFolder: string;
}

export interface NspawnArtifacts extends CommonArtifacts {
  readonly driver: "nspawn";
  /** A folder of this host that all machines see at /mnt/shared, as they would see a file server's. None, if left out. */
  readonly sharedFolder?: string;
}

/** Machines with a kernel of their own. */
export interface QemuArtifacts extends CommonArtifacts, MachineSize {
  readonly driver: "qemu";
  /** The Debian tree with QEMU. */
  readonly tools: string;
  /** A script that does once, in the image, what each machine would do at its first boot. */
  readonly finish: string;
  /** Where disks are kept by content. */
  readonly imageFolder: string;
}

/** How large an emulated machine is, and who is its processor. */
export type MachineSize = Pick<QemuMake, "memoryMib" | "processors" | "accelerator">;

/** The trees and the packages as this checkout builds them. Throws LabError with the command that makes what is missing. */
export async function findArtifacts(
  repository: string,
  env: NodeJS.ProcessEnv,
  driver: DriverName = "nspawn",
): Promise<Artifacts> {
  const cache =
    env["CLUSTER_OS_CACHE"] ?? join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "cluster-os");
  const debs = await findDebs(join(repository, "dist"), driver === "nspawn");
  if (driver === "nspawn") {
    const baseTree = await findTree(repository, "tools/root-tree/build.sh");
    return { driver, baseTree, debs, cacheFolder: join(cache, "lab-root") };
  }
  return {
    driver,
    baseTree: await findTree(repository, "tools/vm-image/build.sh", "machine"),
    tools: await findTree(repository, "tools/vm-image/build.sh", "tools"),
    debs,
    cacheFolder: join(cache, "vm-root"),
    finish: join(repository, "infra/qemu/finish"),
    imageFolder: join(cache, "vm-disk"),
    ...machineSizeFrom(env),
  };
}

/**
 * How large the environment wants emulated machines: CLUSTER_OS_VM_MEMORY (MiB each) and CLUSTER_OS_VM_CPUS. KVM only by
 * CLUSTER_OS_VM_ACCEL=kvm: that /dev/kvm opens does not say that it boots an ordinary kernel.
 */
export function machineSizeFrom(env: NodeJS.ProcessEnv): MachineSize {
  const accelerator = env["CLUSTER_OS_VM_ACCEL"] || "tcg";
  if (accelerator !== "tcg" && accelerator !== "kvm")
    throw new LabError(`CLUSTER_OS_VM_ACCEL is tcg or kvm, not "${accelerator}"`);
  return {
    memoryMib: whole(env, "CLUSTER_OS_VM_MEMORY", 2048),
    processors: whole(env, "CLUSTER_OS_VM_CPUS", 2),
    accelerator,
  };
}

function whole(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name];
  if (text === undefined || text === "") return otherwise;
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new LabError(`${name} is a whole number, not "${text}"`);
  return Number(text);
}

/** Name and place of the lab as the environment wants them: CLUSTER_OS_LAB and CLUSTER_OS_LAB_DIR. */
export function labOptionsFrom(env: NodeJS.ProcessEnv): LabOptions {
  const name = env["CLUSTER_OS_LAB"];
  const stateFolder = env["CLUSTER_OS_LAB_DIR"];
  return { ...(name ? { name } : {}), ...(stateFolder ? { stateFolder } : {}) };
}
