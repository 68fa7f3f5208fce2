import { join } from "node:path";
import { waitFor } from "@cluster-os/std/drivers";
import { planCleanup, type CleanupAction, type Leftovers } from "../cleanup.ts";
import { LabError } from "../lab-error.ts";
import type { LabNames } from "../names.ts";
import { exists, findCgroups, membersOf, readCgroupFacts, removeCgroup } from "./cgroup-files.ts";
import { listNamespaces, NAMESPACES, removeCable, removeNamespace } from "./ip.ts";
import {
  findLaunches,
  isAlive,
  isRunning,
  membersOfNamespaces,
  readProcess,
  signalProcess,
} from "./processes.ts";
import { removeFolder, type LabStore } from "./store.ts";

export interface CleanOptions {
  readonly names: LabNames;
  readonly store: LabStore;
}

/** Ends what is left of one machine, and removes its cgroups and its network; its disk stays. */
export async function cleanMachine({ names, store }: CleanOptions, number: number): Promise<void> {
  await removeCable(names.fabric, number);
  await cleanUntilNothing(() => observeMachine(names, store, number));
}

/** Ends everything of a lab, recorded or not, and removes it, its folder too. Says whether there was anything. */
export function cleanLab({ names, store }: CleanOptions): Promise<boolean> {
  return cleanUntilNothing(() => observeLab(names, store));
}

/** More rounds than births can happen between two looks; a machine is born once. */
const MOST_ROUNDS = 10;

async function cleanUntilNothing(observe: () => Promise<Leftovers>): Promise<boolean> {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const actions = planCleanup(await observe());
    if (actions.length === 0) return round > 0;
    for (const action of actions) await perform(action);
  }
  throw new LabError("new processes keep appearing while the lab is cleaned up", {
    hint: "end whoever starts them, and run down again",
  });
}

async function observeMachine(names: LabNames, store: LabStore, number: number): Promise<Leftovers> {
  const state = await store.readMachine(number);
  const recorded = [state?.supervisor, state?.leader].filter((ref) => ref !== undefined);
  const alive = await Promise.all(recorded.map(async (ref) => ((await isAlive(ref)) ? [ref.pid] : [])));
  const cgroups = await existing(state?.cgroups ?? []);
  const namespace = names.machine(number);
  const namespaces = (await listNamespaces()).filter((name) => name === namespace);
  return {
    processes: [
      ...alive.flat(),
      ...(await findLaunches(store.machine(number).folder)),
      ...(await living(await membersOf(cgroups))),
      ...(await living(await membersOfNamespaces(paths(namespaces)))),
    ],
    cgroups,
    namespaces,
    folders: [],
  };
}

async function observeLab(names: LabNames, store: LabStore): Promise<Leftovers> {
  const numbers = await store.machineNumbers();
  const machines = await Promise.all(numbers.map((number) => observeMachine(names, store, number)));
  // What no record tells of, for the case that the records are gone.
  const strayCgroups = await findCgroups(
    await readCgroupFacts(),
    (name) => names.numberOf(name) !== undefined,
  );
  const namespaces = (await listNamespaces()).filter(
    (name) => name === names.fabric || names.numberOf(name) !== undefined,
  );
  return {
    processes: [
      ...machines.flatMap((machine) => machine.processes),
      ...(await findLaunches(store.folder)),
      ...(await living(await membersOf(strayCgroups))),
      // A machine's QEMU and the connections to it, of which there may be no record either.
      ...(await living(await membersOfNamespaces(paths(namespaces)))),
    ],
    cgroups: [...machines.flatMap((machine) => machine.cgroups), ...strayCgroups],
    namespaces,
    folders: (await store.isThere()) ? [store.folder] : [],
  };
}

function paths(namespaces: readonly string[]): string[] {
  return namespaces.map((name) => join(NAMESPACES, name));
}

async function existing(cgroups: readonly string[]): Promise<string[]> {
  const there = await Promise.all(cgroups.map(exists));
  return cgroups.filter((_, index) => there[index]);
}

async function living(pids: readonly number[]): Promise<number[]> {
  const alive = await Promise.all(pids.map(isRunning));
  return pids.filter((_, index) => alive[index]);
}

async function perform(action: CleanupAction): Promise<void> {
  switch (action.kind) {
    case "kill":
      return killAll(action.pids);
    case "remove-cgroup":
      return removeCgroup(action.path);
    case "remove-namespace":
      return removeNamespace(action.namespace);
    case "remove-folder":
      return removeFolder(action.path);
    default:
      action satisfies never;
  }
}

const DEATH_TIMEOUT_MS = 15_000;

/** Kills processes and waits until they are gone. */
async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) signalProcess(pid, "SIGKILL");
  try {
    await waitFor(async () => (await living(pids)).length === 0, {
      what: "the end of the processes",
      timeoutMs: DEATH_TIMEOUT_MS,
      everyMs: 20,
    });
  } catch (cause) {
    const left = await Promise.all((await living(pids)).map(readProcess));
    const names = left.flatMap((facts) => (facts === undefined ? [] : [`${facts.name} (${facts.pid})`]));
    throw new LabError(`the kernel does not end ${names.join(", ")}`, {
      cause,
      hint: "look for a hanging disk or a debugger, and run down again",
    });
  }
}
