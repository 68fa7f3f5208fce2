import { access, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "@cluster-os/std/drivers";

const ROOT = "/sys/fs/cgroup";
const PERIOD_US = 100_000;

export interface Limits {
  readonly memoryBytes: number;
  readonly cpus: number;
}

/** Where the two versions of cgroups (cgroups(7)) keep the same things. */
interface Files {
  readonly folders: readonly string[];
  readonly limits: (limits: Limits) => Readonly<Record<string, string>>;
  readonly charged: string;
  readonly peak: string;
  readonly cpuStat: string;
}

/** A group of processes under limits, as a kubelet makes one for a container. Needs root. */
export class Cgroup implements AsyncDisposable {
  readonly #files: Files;

  private constructor(files: Files) {
    this.#files = files;
  }

  static async make(name: string, limits: Limits): Promise<Cgroup> {
    const isUnified = await access(`${ROOT}/cgroup.controllers`).then(
      () => true,
      () => false,
    );
    if (isUnified) await writeFile(`${ROOT}/cgroup.subtree_control`, "+cpu +memory");
    const files = isUnified ? unified(name) : split(name);
    for (const folder of files.folders) {
      // Left by a run that was ended: with its limits and counts.
      await rmdir(folder).catch(() => {});
      await mkdir(folder);
    }
    for (const [file, text] of Object.entries(files.limits(limits))) await writeFile(file, text);
    return new Cgroup(files);
  }

  /** Who writes its process ID into these is in the group. */
  get doors(): readonly string[] {
    return this.#files.folders.map((folder) => join(folder, "cgroup.procs"));
  }

  /** Memory that counts against the limit, now and at most so far, in bytes. */
  async memory(): Promise<{ readonly charged: number; readonly peak: number }> {
    const read = async (file: string): Promise<number> => Number(await readFile(file, "utf8"));
    return { charged: await read(this.#files.charged), peak: await read(this.#files.peak) };
  }

  /** In how many periods of 100 ms it was stopped because its share of the processors was used up. */
  async throttledPeriods(): Promise<number> {
    const stat = await readFile(this.#files.cpuStat, "utf8");
    return Number(/^nr_throttled ([0-9]+)$/m.exec(stat)?.[1]);
  }

  /** Once all its processes have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of this.#files.folders) {
      const removed = () => rmdir(folder).then(() => true);
      await waitFor(removed, { what: `the end of ${folder}`, timeoutMs: 5000 });
    }
  }
}

function unified(name: string): Files {
  const folder = `${ROOT}/${name}`;
  return {
    folders: [folder],
    limits: ({ memoryBytes, cpus }) => ({
      [`${folder}/memory.max`]: String(memoryBytes),
      [`${folder}/cpu.max`]: `${Math.round(cpus * PERIOD_US)} ${PERIOD_US}`,
    }),
    charged: `${folder}/memory.current`,
    peak: `${folder}/memory.peak`,
    cpuStat: `${folder}/cpu.stat`,
  };
}

function split(name: string): Files {
  const [memory, cpu] = [`${ROOT}/memory/${name}`, `${ROOT}/cpu/${name}`];
  return {
    folders: [memory, cpu],
    limits: ({ memoryBytes, cpus }) => ({
      [`${memory}/memory.limit_in_bytes`]: String(memoryBytes),
      [`${cpu}/cpu.cfs_period_us`]: String(PERIOD_US),
      [`${cpu}/cpu.cfs_quota_us`]: String(Math.round(cpus * PERIOD_US)),
    }),
    charged: `${memory}/memory.usage_in_bytes`,
    peak: `${memory}/memory.max_usage_in_bytes`,
    cpuStat: `${cpu}/cpu.stat`,
  };
}
