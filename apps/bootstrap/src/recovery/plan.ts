import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import { compareText } from "@cluster-os/std";
import type { KeptElsewhere } from "../snapshots/keeper.ts";
import { timeOfName, type KeptSnapshot } from "../snapshots/plan.ts";

/** Something that etcd could be made anew from. */
export interface RecoverySource {
  /** `own` for this machine's own data, else a snapshot's name. */
  readonly name: string;
  /** Unix milliseconds; undefined of this machine's own data, which is as new as can be. */
  readonly takenAt?: number;
  /** Names of the machines that keep it, where this one does not. */
  readonly holders?: readonly string[];
}

/** So many snapshots are named to who asked for one that is not there. */
const NAMED = 5;

/** Snapshots here and on the other machines, each once, the newest first. One that lies here is taken from here. */
export function snapshotSources(
  here: readonly KeptSnapshot[],
  elsewhere: readonly KeptElsewhere[],
): readonly RecoverySource[] {
  const known = new Set(here.map(({ name }) => name));
  const names = new Set(elsewhere.flatMap((one) => one.names).filter((name) => !known.has(name)));
  const fetched = [...names].flatMap((name): readonly (RecoverySource & KeptSnapshot)[] => {
    const takenAt = timeOfName(name);
    const holders = elsewhere.filter((one) => one.names.includes(name)).map(({ holder }) => holder);
    return takenAt === undefined ? [] : [{ name, takenAt, holders: holders.toSorted(compareText) }];
  });
  return [...here, ...fetched].toSorted((left, right) => right.takenAt - left.takenAt);
}

/** How things stand when a person asks for a recovery. */
export interface RecoveryObserved {
  readonly self: string;
  /** What this machine's disk says it is in Kubernetes. */
  readonly role: "server" | "worker" | undefined;
  readonly hasAuthorityKey: boolean;
  /** Who is to serve, by name. */
  readonly servers: readonly string[];
  /** etcd's members as this machine knows them; none while its own does not answer. */
  readonly members: readonly EtcdMemberStatus[];
  /** Servers whose machines live, by the members' word. */
  readonly alive: readonly string[];
  /** Newest first; this machine's own data before all snapshots. */
  readonly sources: readonly RecoverySource[];
  /** Which of them a person wants; undefined: the first. */
  readonly wanted: string | undefined;
}

export type RecoveryPlan = {
  /** Voters that do not answer. */
  readonly lost: readonly string[];
  /** What is the matter, in a sentence. */
  readonly state: string;
} & (
  | { readonly kind: "refuse"; readonly reason: string }
  | { readonly kind: "restore"; readonly source: RecoverySource }
);

/**
 * What a recovery would do: etcd begins anew on this one machine. Refused while there is a better way, for what the lost
 * voters had acknowledged and this machine never heard of is given up.
 */
export function planRecovery(observed: RecoveryObserved): RecoveryPlan {
  const { self, servers, members, alive, role, hasAuthorityKey, sources, wanted } = observed;
  const voters = members.filter(({ isLearner }) => !isLearner);
  const names = voters.length > 0 ? voters.map(({ name }) => name) : servers;
  const well = voters.filter(({ healthy }) => healthy).map(({ name }) => name);
  const lost = names.filter((name) => name !== self && !well.includes(name));
  const majority = Math.floor(names.length / 2) + 1;
  const state = describe(names.length, well.length, majority, lost);
  const refuse = (reason: string): RecoveryPlan => ({ kind: "refuse", reason, lost, state });
  if (role !== "server")
    return refuse(`this machine is no control-plane server: run it on one of ${servers.join(", ")}`);
  if (!hasAuthorityKey) return refuse("this machine has no authority key, so nobody would believe it");
  if (well.length >= majority) return refuse("etcd has a majority: there is nothing to recover");
  const living = names.filter((name) => name === self || alive.includes(name));
  const others = living.filter((name) => name !== self);
  if (living.length >= majority && others.length > 0) {
    return refuse(
      `${others.join(" and ")} live${others.length === 1 ? "s" : ""}: a majority is there once etcd runs on them again, and then nothing is lost`,
    );
  }
  const source = wanted === undefined ? sources[0] : sources.find(({ name }) => name === wanted);
  if (!source) {
    return refuse(
      wanted === undefined
        ? "there is neither data of etcd here nor a snapshot"
        : `there is no snapshot ${wanted}, here or on a machine that answers; there ${nameSources(sources)}`,
    );
  }
  return { kind: "restore", source, lost, state };
}

function nameSources(sources: readonly RecoverySource[]): string {
  if (sources.length === 0) return "is none";
  const named = sources.slice(0, NAMED).map(({ name, holders }) => `${name}${keptBy(holders)}`);
  return `${sources.length === 1 ? "is" : "are"} ${named.join(", ")}${sources.length > NAMED ? " and older ones" : ""}`;
}

function keptBy(holders: readonly string[] | undefined): string {
  return holders === undefined ? "" : ` (kept by ${holders.join(" and ")})`;
}

function describe(count: number, well: number, majority: number, lost: readonly string[]): string {
  const voters = `${well} of ${count} voters ${well === 1 ? "is" : "are"} healthy`;
  if (well >= majority) return `${voters}: etcd has its majority of ${majority}`;
  return `${voters} and ${majority} are needed: the API takes no writes; ${lost.join(" and ")} ${lost.length === 1 ? "is" : "are"} lost`;
}
