import { dirname } from "node:path";
import { waitFor } from "@cluster-os/std/drivers";
import { planCleanup, type CleanupAction, type Leftovers } from "../cleanup.ts";
import { LabError } from "../lab-error.ts";
import type { LabNames } from "../names.ts";
import type { MachineState } from "../state.ts";
import { exists, findCgroups, membersOf, readCgroupFacts, removeCgroup } from "./cgroup-files.ts";
import { listNamespaces, removeNamespace } from "./ip.ts";
import { findLeader, findSupervisors, isAlive, isRunning, readProcess, signalProcess } from "./processes.ts";
import { removeFolder, type LabStore } from "./store.ts";

export interface CleanOptions {
  readonly names: LabNames;
  readonly store: LabStore;
}

/** Ends what is left of one machine, and removes its cgroups and its network; its disk stays. */
export async function cleanMachine({ names, store }: CleanOptions, number: number): Promise<void> {
  const found = await observeMachine(names, store, number);
  await perform(planCleanup({ ...found, folders: [] }));
}

/** Ends everything of a lab, recorded or not, and removes it, its folder too. Says whether there was anything. */
export async function cleanLab({ names, store }: CleanOptions): Promise<boolean> {
  const numbers = await store.machineNumbers();
  const machines = await Promise.all(numbers.map((number) => observeMachine(names, store, number)));
  const facts = await readCgroupFacts();
  const strayCgroups = await findCgroups(facts, (name) => names.numberOf(name) !== undefined);
  const straySupervisors = (await findSupervisors(store.folder)).map(({ pid }) => pid);
  const namespaces = (await listNamespaces()).filter(
    (name) => name === names.fabric || names.numberOf(name) !== undefined,
  );
  const actions = planCleanup({
    leaders: [...machines.flatMap((one) => one.leaders), ...(await leadersOf(straySupervisors))],
    supervisors: [...machines.flatMap((one) => one.supervisors), ...straySupervisors],
    members: [...machines.flatMap((one) => one.members), ...(await membersOf(strayCgroups))],
    cgroups: [...machines.flatMap((one) => one.cgroups), ...strayCgroups],
    namespaces,
    folders: (await exists(store.folder)) ? [store.folder] : [],
  });
  await perform(actions);
  return actions.length > 0;
}

type MachineLeftovers = Omit<Leftovers, "folders">;

async function observeMachine(names: LabNames, store: LabStore, number: number): Promise<MachineLeftovers> {
  const state = await store.readMachine(number);
  const root = `--directory=${store.machine(number).root}`;
  const unrecorded = (await findSupervisors(dirname(store.machine(number).folder)))
    .filter(({ argv }) => argv.includes(root))
    .map(({ pid }) => pid);
  const supervisors = [...new Set([...(await recordedSupervisor(state)), ...unrecorded])];
  const recordedLeader =
    state?.leader !== undefined && (await isAlive(state.leader)) ? [state.leader.pid] : [];
  const cgroups = await existing(state?.cgroups ?? []);
  const namespace = names.machine(number);
  return {
    leaders: [...recordedLeader, ...(await leadersOf(supervisors))],
    supervisors,
    members: await membersOf(cgroups),
    cgroups,
    namespaces: (await listNamespaces()).includes(namespace) ? [namespace] : [],
  };
}

async function recordedSupervisor(state: MachineState | undefined): Promise<number[]> {
  return state?.supervisor !== undefined && (await isAlive(state.supervisor)) ? [state.supervisor.pid] : [];
}

async function leadersOf(supervisors: readonly number[]): Promise<number[]> {
  const leaders = await Promise.all(supervisors.map((pid) => findLeader(pid)));
  return leaders.flatMap((leader) => (leader === undefined ? [] : [leader.pid]));
}

async function existing(cgroups: readonly string[]): Promise<string[]> {
  const there = await Promise.all(cgroups.map(exists));
  return cgroups.filter((_, index) => there[index]);
}

async function perform(actions: readonly CleanupAction[]): Promise<void> {
  for (const action of actions) await performOne(action);
}

async function performOne(action: CleanupAction): Promise<void> {
  switch (action.kind) {
    case "kill":
      return killAll(action.pids, action.what === "others");
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
/** systemd-nspawn is given this long to end by itself, and clean up, after its machine died. */
const SUPERVISOR_GRACE_MS = 3_000;

/** Kills processes and waits until they are gone. */
async function killAll(pids: readonly number[], mayEndByThemselves: boolean): Promise<void> {
  if (mayEndByThemselves) {
    await waitGone(pids, SUPERVISOR_GRACE_MS).catch(() => undefined);
  }
  for (const pid of pids) signalProcess(pid, "SIGKILL");
  try {
    await waitGone(pids, DEATH_TIMEOUT_MS);
  } catch (cause) {
    const left = await Promise.all(pids.map(readProcess));
    const names = left.flatMap((facts) => (facts === undefined ? [] : [`${facts.name} (${facts.pid})`]));
    throw new LabError(`the kernel does not end ${names.join(", ")}`, {
      cause,
      hint: "look for a hanging disk or a debugger, and run down again",
    });
  }
}

async function waitGone(pids: readonly number[], timeoutMs: number): Promise<void> {
  await waitFor(async () => !(await Promise.all(pids.map(isRunning))).includes(true), {
    what: "the end of the processes",
    timeoutMs,
    everyMs: 20,
  });
}
