import type { Moment, RecordedHistory, RecordedMachine } from "@cluster-os/simulator";

/** What is done to the etcd of a machine, or to the machine: it is moved from one network to another. */
export type Act =
  | { readonly kind: "kill" | "start" | "stop" | "freeze" | "thaw"; readonly rank: number }
  | { readonly kind: "move"; readonly rank: number; readonly group: number };

/** What leads the machines from one moment to the next, once the changes of etcd's members are made. */
export function actsBetween(before: Moment, after: Moment): readonly Act[] {
  return after.machines.flatMap((machine, at) => {
    const was = before.machines[at] as RecordedMachine;
    return actsOf(at + 1, was, machine);
  });
}

function actsOf(rank: number, was: RecordedMachine, is: RecordedMachine): readonly Act[] {
  const acts: Act[] = [];
  const [ran, runs] = [isRunning(was), isRunning(is)];
  const [slept, sleeps] = [ran && was.power === "stalled", runs && is.power === "stalled"];
  if (is.group !== was.group) acts.push({ kind: "move", rank, group: is.group });
  if (ran && !runs) acts.push({ kind: is.power === "off" ? "kill" : "stop", rank });
  if (!ran && runs) acts.push({ kind: "start", rank });
  if (slept && runs && !sleeps) acts.push({ kind: "thaw", rank });
  if (sleeps && !slept) acts.push({ kind: "freeze", rank });
  return acts;
}

/** Whether an etcd runs there, awake or not. */
export function isRunning({ power, hasMember }: RecordedMachine): boolean {
  return power !== "off" && hasMember;
}

/** What histories can hold that a real etcd is led through. */
export const KINDS = [
  "kill",
  "start",
  "stop",
  "freeze",
  "thaw",
  "move",
  "announce",
  "promote",
  "remove",
  "start with data kept",
  "join with data wiped",
  "burn",
  "a voter without a majority",
] as const;
export type Kind = (typeof KINDS)[number];

/** How often each of them occurs in a history. */
export function coverageOf({ moments }: Pick<RecordedHistory, "moments">): Readonly<Record<Kind, number>> {
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  const hadData = new Set(ranksRunning(moments[0]));
  for (const [at, moment] of moments.entries()) {
    for (const { kind, rank } of moment.changes) {
      counts[kind] += 1;
      if (kind === "announce" && hadData.has(rank)) counts["join with data wiped"] += 1;
    }
    const before = moments[at - 1];
    for (const { kind, rank } of before ? actsBetween(before, moment) : []) {
      counts[kind] += 1;
      if (kind === "start" && before?.machines[rank - 1]?.hasMember) counts["start with data kept"] += 1;
    }
    for (const rank of ranksRunning(moment)) hadData.add(rank);
    if (votersOf(moment).some(isRefused)) counts["a voter without a majority"] += 1;
  }
  counts.burn = moments.at(-1)?.machines.filter(({ power }) => power === "off").length ?? 0;
  return counts;
}

/** Whether there is somebody to ask, who must acknowledge nothing. */
export function isRefused({ power, hasMember, isServed }: RecordedMachine): boolean {
  return power === "on" && hasMember && !isServed;
}

function votersOf({ members, machines }: Moment): readonly RecordedMachine[] {
  const voters = members.filter(({ isLearner }) => !isLearner);
  return voters.map(({ rank }) => machines[rank - 1] as RecordedMachine);
}

function ranksRunning(moment: Moment | undefined): readonly number[] {
  return (moment?.machines ?? []).flatMap((machine, at) => (isRunning(machine) ? [at + 1] : []));
}
