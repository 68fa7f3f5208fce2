import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { readFileIfExists, waitFor, writeFileAtomic } from "@cluster-os/std/drivers";
import { z } from "zod";
import { LabError } from "../lab-error.ts";
import type { LabNames } from "../names.ts";
import { IMAGE_FILES, qemuCommand, renderMetaData, renderUserData, type SeedFile } from "../qemu.ts";
import type { ProcessRef, QemuMake } from "../state.ts";
import { startDaemon } from "./daemon.ts";
import { touch } from "./image.ts";
import { layTap, NAMESPACES } from "./ip.ts";
import { isThere } from "./layers.ts";
import { isAlive, readProcess } from "./processes.ts";
import type { LabStore, MachineFolders } from "./store.ts";
import { runTool, toolCommand, type Tools } from "./tools.ts";

export interface EmulateOptions {
  readonly names: LabNames;
  readonly store: LabStore;
  readonly make: QemuMake;
  readonly number: number;
}

/** From starting QEMU until it has opened all its devices and runs. */
const START_TIMEOUT_MS = 30_000;

/** Switches on a machine whose network exists. What is made is recorded first, or found by the network it is in. */
export async function emulateMachine({ names, store, make, number }: EmulateOptions): Promise<void> {
  const folders = store.machine(number);
  const name = names.machine(number);
  const tools = { tree: make.tools, script: store.script("tools") };
  await requireImage(make);
  await mkdir(folders.folder, { recursive: true });
  await makeDisk(tools, make, folders);
  await makeSeed(tools, store, folders, name);
  await layTap(name);
  const state = { number, cgroups: [], joined: [] };
  await store.writeMachine(state);
  const leader = await launch(name, tools, folders, make, number);
  await store.writeMachine({ ...state, leader });
  await awaitStart(leader, folders, number);
}

/** Files for the first boot, by their path in the machine. */
export async function readSeedFiles(folders: MachineFolders): Promise<readonly SeedFile[]> {
  const text = await readFileIfExists(join(folders.folder, "seed.json"));
  return text === undefined ? [] : SeedFiles.parse(JSON.parse(text.toString("utf8")));
}

export async function addSeedFile(folders: MachineFolders, file: SeedFile): Promise<void> {
  const others = (await readSeedFiles(folders)).filter(({ path }) => path !== file.path);
  // The join key is in it.
  await writeFileAtomic(join(folders.folder, "seed.json"), JSON.stringify([...others, file]), {
    mode: 0o600,
  });
}

const SeedFiles = z.array(z.object({ path: z.string(), content: z.string(), mode: z.int() }));

async function requireImage({ image, tools }: QemuMake): Promise<void> {
  for (const path of [join(image, IMAGE_FILES.disk), join(tools, "usr/bin")]) {
    if (await isThere(path)) continue;
    throw new LabError(`what the lab's machines run on is gone: ${path}`, {
      hint: "begin anew: cluster-os down, then cluster-os up",
    });
  }
  await touch(image);
}

async function makeDisk(tools: Tools, make: QemuMake, { image }: MachineFolders): Promise<void> {
  if (await isThere(image)) return;
  const below = join(make.image, IMAGE_FILES.disk);
  // A draft, so that half a disk is never taken for one.
  await rm(`${image}.new`, { force: true });
  const options = ["-q", "-f", "qcow2", "-b", below, "-F", "raw"];
  await runTool(tools, ["qemu-img", "create", ...options, `${image}.new`]);
  await rename(`${image}.new`, image);
}

/** A small FAT disk with the label that cloud-init looks for. */
async function makeSeed(tools: Tools, store: LabStore, folders: MachineFolders, name: string): Promise<void> {
  if (await isThere(folders.seed)) return;
  const publicKey = (await readFile(`${store.sshKey}.pub`, "utf8")).trim();
  const draft = `${folders.seed}.new`;
  // Made empty with its final mode first: what follows is secret.
  await writeFileAtomic(draft, Buffer.alloc(2 ** 20), { mode: 0o600 });
  await runTool(tools, ["mkfs.vfat", "-n", "CIDATA", draft]);
  const files = {
    "user-data": renderUserData(publicKey, await readSeedFiles(folders)),
    "meta-data": renderMetaData(name),
  };
  for (const [file, content] of Object.entries(files)) {
    await runTool(tools, ["mcopy", "-i", draft, "-", `::${file}`], content);
  }
  await rename(draft, folders.seed);
}

async function launch(
  name: string,
  tools: Tools,
  folders: MachineFolders,
  make: QemuMake,
  number: number,
): Promise<ProcessRef> {
  // Of an earlier boot, for who wants to know what went before.
  if (await isThere(folders.log)) await rename(folders.log, `${folders.log}.1`);
  for (const path of [folders.pidFile, folders.monitor, folders.control]) await rm(path, { force: true });
  const argv = qemuCommand({
    number,
    name,
    make,
    disk: folders.image,
    seed: folders.seed,
    console: folders.log,
    monitor: folders.monitor,
    pidFile: folders.pidFile,
  });
  const started = await startDaemon(["nsenter", `--net=${NAMESPACES}/${name}`, ...toolCommand(tools, argv)], {
    log: join(folders.folder, "qemu.log"),
  });
  // All its steps become the next one, so this is QEMU's number too.
  const facts = started.pid === undefined ? undefined : await readProcess(started.pid);
  if (facts === undefined) throw await notStarted(folders, number);
  return { pid: facts.pid, startTicks: facts.startTicks };
}

async function awaitStart(leader: ProcessRef, folders: MachineFolders, number: number): Promise<void> {
  const state = await waitFor(
    async () => ((await isThere(folders.pidFile)) && "runs") || (!(await isAlive(leader)) && "ended"),
    { what: `QEMU of m${number}`, timeoutMs: START_TIMEOUT_MS, everyMs: 50 },
  );
  if (state === "ended") throw await notStarted(folders, number);
}

async function notStarted(folders: MachineFolders, number: number): Promise<LabError> {
  const log = join(folders.folder, "qemu.log");
  const said = (await readFileIfExists(log))?.toString("utf8").trim().split("\n").at(-1);
  return new LabError(`QEMU of m${number} did not start: ${said ?? "it said nothing"}`, { log });
}
