import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";
import { planCgroups } from "../cgroups.ts";
import { LabError } from "../lab-error.ts";
import type { LabNames } from "../names.ts";
import { nspawnCommand, REAL_FOLDERS, SHARED_FOLDER } from "../nspawn.ts";
import type { MachineState, NspawnMake, ProcessRef } from "../state.ts";
import { makeCgroups, readCgroupFacts } from "./cgroup-files.ts";
import { NAMESPACES } from "./ip.ts";
import { findLeader, isAlive, readIfThere, readProcess } from "./processes.ts";
import type { LabStore, MachineFolders } from "./store.ts";

export interface BootOptions {
  readonly names: LabNames;
  readonly store: LabStore;
  readonly make: NspawnMake;
  readonly number: number;
}

/** From starting systemd-nspawn until the machine's process 1 is there. */
const LEADER_TIMEOUT_MS = 20_000;

/**
 * Boots a machine whose network exists, and returns when its systemd has started. What is made is recorded first, so
 * that it is found again if this process dies meanwhile.
 */
export async function bootMachine({ names, store, make, number }: BootOptions): Promise<MachineState> {
  const folders = store.machine(number);
  await requireLayers(make);
  await makeFolders(folders);
  const facts = await readCgroupFacts();
  const plans = planCgroups(
    facts.hierarchies,
    names.machine(number),
    make.cgroupMode,
    facts.unifiedControllers,
  );
  const state: MachineState = {
    number,
    cgroups: plans.map((plan) => plan.path),
    joined: plans.filter((plan) => plan.joined).map((plan) => plan.path),
  };
  await store.writeMachine(state);
  await makeCgroups(plans);
  const supervisor = await launch(names.machine(number), number, store, folders, make);
  await store.writeMachine({ ...state, supervisor });
  const leader = await awaitLeader(supervisor, number, folders);
  const booted = { ...state, supervisor, leader };
  await store.writeMachine(booted);
  return booted;
}

/** Old layers are removed when nobody runs on them, and a lab whose machines are all off does not run. */
async function requireLayers(make: NspawnMake): Promise<void> {
  for (const layer of make.layers) {
    if ((await stat(layer).catch(() => undefined)) !== undefined) continue;
    throw new LabError(`the file system that the lab's machines run on is gone: ${layer}`, {
      hint: "begin anew: cluster-os down, then cluster-os up",
    });
  }
}

async function makeFolders(folders: MachineFolders): Promise<void> {
  for (const path of [folders.upper, folders.work, folders.root]) await mkdir(path, { recursive: true });
  for (const { name, mode } of REAL_FOLDERS) await mkdir(join(folders.real, name), { recursive: true, mode });
}

/** Starts systemd-nspawn in a session of its own, with a mount namespace that ends with it. */
async function launch(
  name: string,
  number: number,
  store: LabStore,
  folders: MachineFolders,
  make: NspawnMake,
): Promise<ProcessRef> {
  const { argv, env } = nspawnCommand({
    name,
    root: folders.root,
    binds: [
      ...REAL_FOLDERS.map((real) => ({ host: join(folders.real, real.name), machine: real.machine })),
      ...(make.sharedFolder === undefined ? [] : [{ host: make.sharedFolder, machine: SHARED_FOLDER }]),
    ],
    cgroupMode: make.cgroupMode,
  });
  const places = [
    folders.log,
    make.layers.join(":"),
    folders.upper,
    folders.work,
    folders.root,
    folders.cgroups,
  ];
  const started = execa(
    "nsenter",
    [
      // Its network first: a sysfs shows the network that it was mounted from, so systemd-nspawn's own option, which
      // enters the namespace after mounting, would show the machine its host's network cards.
      `--net=${NAMESPACES}/${name}`,
      "unshare",
      "--mount",
      // What the host unmounts later is unmounted here too, and nothing of ours is seen there.
      "--propagation=slave",
      "/bin/sh",
      store.script("launch"),
      ...places,
      ...argv,
    ],
    { env, extendEnv: false, cwd: "/", stdio: "ignore", detached: true, cleanup: false, reject: false },
  );
  started.nodeChildProcess.unref();
  if (started.pid === undefined) {
    throw new LabError(`could not start ${name}`, { log: folders.log, cause: (await started).cause });
  }
  const facts = await readProcess(started.pid);
  // It started, and what cannot boot may be over before it is looked at.
  if (facts === undefined) throw await endedEarly(number, folders);
  return { pid: facts.pid, startTicks: facts.startTicks };
}

async function awaitLeader(
  supervisor: ProcessRef,
  number: number,
  folders: MachineFolders,
): Promise<ProcessRef> {
  const found = await waitFor(
    async () => (await findLeader(supervisor.pid)) ?? ((await isAlive(supervisor)) ? undefined : "ended"),
    { what: `systemd of m${number}`, timeoutMs: LEADER_TIMEOUT_MS, everyMs: 20 },
  );
  if (found !== "ended") return found;
  throw await endedEarly(number, folders);
}

async function endedEarly(number: number, { log }: MachineFolders): Promise<LabError> {
  const said = (await readIfThere(log))?.trim().split("\n").at(-1) ?? "";
  return new LabError(`machine m${number} ended before it booted: ${said}`, { log });
}
