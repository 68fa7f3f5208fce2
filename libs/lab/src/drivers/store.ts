import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { readFileIfExists, writeFileAtomic } from "@cluster-os/std/drivers";
import type { z } from "zod";
import { LabError } from "../lab-error.ts";
import { LabState, MachineState } from "../state.ts";

/** Where the things of one machine are. */
export interface MachineFolders {
  readonly folder: string;
  readonly upper: string;
  readonly work: string;
  /** Where its root is mounted, for itself alone. */
  readonly root: string;
  /** Folders of its own on the real file system. */
  readonly real: string;
  readonly log: string;
  readonly cgroups: string;
  readonly joined: string;
  /** Of an emulated machine: its disk, as it differs from the image, and the small one that it is given. */
  readonly image: string;
  readonly seed: string;
  /** Of an emulated machine: QEMU's own socket and number, and the connection by SSH. */
  readonly monitor: string;
  readonly pidFile: string;
  readonly control: string;
}

/** A lab's folder on disk: what is recorded of it, and its machines' disks. */
export class LabStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The key that opens SSH on emulated machines; beside it, with .pub, its public half. */
  get sshKey(): string {
    return join(this.folder, "ssh-key");
  }

  script(name: "launch" | "enter" | "tools"): string {
    return join(this.folder, name);
  }

  machine(number: number): MachineFolders {
    const folder = join(this.folder, `m${number}`);
    return {
      folder,
      upper: join(folder, "upper"),
      work: join(folder, "work"),
      root: join(folder, "root"),
      real: join(folder, "disk"),
      log: join(folder, "console.log"),
      cgroups: join(folder, "cgroups"),
      joined: join(folder, "joined"),
      image: join(folder, "disk.qcow2"),
      seed: join(folder, "seed.img"),
      monitor: join(folder, "monitor.sock"),
      pidFile: join(folder, "qemu.pid"),
      control: join(folder, "ssh.sock"),
    };
  }

  readLab(): Promise<LabState | undefined> {
    return readRecord(join(this.folder, "lab.json"), LabState);
  }

  writeLab(state: LabState): Promise<void> {
    return writeRecord(join(this.folder, "lab.json"), state);
  }

  readMachine(number: number): Promise<MachineState | undefined> {
    return readRecord(join(this.machine(number).folder, "machine.json"), MachineState);
  }

  /** Records a machine, and its cgroups also as plain lists, a line each, for the programs that enter them. */
  async writeMachine(state: MachineState): Promise<void> {
    const { folder, cgroups, joined } = this.machine(state.number);
    await writeRecord(join(folder, "machine.json"), state);
    await writeFileAtomic(cgroups, lines(state.cgroups), { mode: 0o600 });
    await writeFileAtomic(joined, lines(state.joined), { mode: 0o600 });
  }

  /** The numbers of the machines that have a folder, in order. */
  async machineNumbers(): Promise<number[]> {
    const entries = await readdir(this.folder).catch((error: NodeJS.ErrnoException) => {
      // Not to be taken for a lab that is down.
      if (error.code === "EACCES")
        throw new LabError("there are labs here that only root may look at", { hint: "run it with sudo" });
      return [];
    });
    return entries
      .flatMap((entry) => /^m([1-9][0-9]*)$/.exec(entry)?.[1] ?? [])
      .map(Number)
      .sort((left, right) => left - right);
  }

  isThere(): Promise<boolean> {
    return stat(this.folder).then(
      () => true,
      () => false,
    );
  }

  async create(): Promise<void> {
    // Machines' secrets are below: nobody but root looks in.
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }
}

/** Removes a folder, but nothing that is mounted below it. */
export async function removeFolder(path: string): Promise<void> {
  const { exitCode, stderr } = await execa("rm", ["-rf", "--one-file-system", "--", path], { reject: false });
  if (exitCode !== 0) throw new LabError(`could not remove ${path}: ${stderr.trim()}`);
}

/** The host's boot, which changes with every restart. */
export async function readBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

async function readRecord<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const content = await readFileIfExists(path);
  if (content === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(content.toString("utf8")));
  } catch (cause) {
    throw new LabError(`${path} is not a record of this version of the lab`, {
      cause,
      hint: "stop its machines with the version that wrote it, or remove the folder after ending its processes",
    });
  }
}

async function writeRecord(path: string, record: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join("");
}
