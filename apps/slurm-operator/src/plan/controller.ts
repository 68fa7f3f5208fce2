import type { ReplicaPosition, SlurmClusterSpec, SlurmLease } from "@cluster-os/api";
import { compareText } from "@cluster-os/std";
import { hasLabels, type Machine } from "./machine.ts";

/** A replica that is away for so long is replaced, in milliseconds. */
const LOST_MS = 300_000;

export type ControllerAction =
  /** Writes the Lease at the version that was seen; with an epoch that is new, that names a controller. */
  { readonly kind: "write-lease"; readonly lease: SlurmLease; readonly reason: string };

export interface ControllerObserved {
  readonly policy: SlurmClusterSpec["controller"];
  readonly machines: readonly Machine[];
  /** Undefined if there is no such object. */
  readonly lease: SlurmLease | undefined;
  /** Nobody renewed it for longer than it lasts, by this process's own clock. */
  readonly isSilent: boolean;
  /** For so long that a machine that is still Ready is not lost: its copy counts. */
  readonly isSilentLong: boolean;
  readonly nowMs: number;
}

/** What is to be done so that one machine, and one only, runs slurmctld. Sticky: it moves for a reason only. */
export function planController(observed: ControllerObserved): ControllerAction | undefined {
  const { lease, isSilent } = observed;
  if (lease === undefined) return found(observed);
  if (lease.holder === undefined) return elect(observed, lease, "the last controller gave its lease back");
  if (isSilent) return elect(observed, lease, `${lease.holder} did not renew its lease`);
  return keep(observed, lease);
}

/** There was none. What machines keep from before counts: the object may have been deleted. */
function found(observed: ControllerObserved): ControllerAction | undefined {
  const { policy, machines } = observed;
  const replicas = wishReplicas(observed, []);
  const node = best(observed, replicas, undefined);
  if (node === undefined) return undefined;
  const known = machines.map(({ slurm }) => slurm?.controller?.epoch ?? 0);
  const epoch = Math.max(0, ...known) + 1;
  const mayFound = machines.every(({ slurm }) => slurm?.controller?.replica === undefined);
  const lease = {
    epoch,
    holder: node,
    leaseSeconds: policy.leaseSeconds,
    replicas,
    mayFound,
    isReleaseWanted: false,
  };
  return { kind: "write-lease", lease, reason: "there is no controller yet" };
}

/** Another epoch, if a majority of those that keep the state can say what is newest. */
function elect(
  observed: ControllerObserved,
  lease: SlurmLease,
  reason: string,
): ControllerAction | undefined {
  const mayFound = stillMayFound(observed.machines, lease);
  const replicas = mayFound ? wishReplicas(observed, []) : lease.replicas;
  if (!hasMajority(observed.machines, replicas, observed.isSilentLong ? undefined : lease.holder))
    return undefined;
  const node = best(observed, replicas, lease.holder);
  if (node === undefined) return undefined;
  const { leaseSeconds } = observed.policy;
  const next = {
    epoch: lease.epoch + 1,
    holder: node,
    leaseSeconds,
    replicas,
    mayFound,
    isReleaseWanted: false,
  };
  return { kind: "write-lease", lease: next, reason };
}

/** It runs, and stays; what is to be said to it stands in the Lease. */
function keep(observed: ControllerObserved, lease: SlurmLease): ControllerAction | undefined {
  const replicas = wishReplicas(observed, lease.replicas, lease.holder);
  const mayFound = stillMayFound(observed.machines, lease);
  const isReleaseWanted = lease.isReleaseWanted || shouldMove(observed, lease);
  const isSame =
    replicas.join() === lease.replicas.join() &&
    mayFound === lease.mayFound &&
    isReleaseWanted === lease.isReleaseWanted;
  if (isSame) return undefined;
  const reason =
    isReleaseWanted && !lease.isReleaseWanted ? "the controller is to move" : "the replicas change";
  return { kind: "write-lease", lease: { ...lease, replicas, mayFound, isReleaseWanted }, reason };
}

/** Whether another one is to lead that has all of this epoch: it is preferred, or the present machine is cordoned. */
function shouldMove({ policy, machines }: ControllerObserved, lease: SlurmLease): boolean {
  const ready = machines.filter(
    ({ name, isReady, isCordoned, slurm }) =>
      isReady &&
      !isCordoned &&
      name !== lease.holder &&
      lease.replicas.includes(name) &&
      slurm?.controller?.replica?.epoch === lease.epoch,
  );
  const holder = machines.find(({ name }) => name === lease.holder);
  if (holder?.isCordoned && ready.length > 0) return true;
  const rank = (name: string | undefined): number => rankOf(policy.preference, name);
  return ready.some(({ name }) => rank(name) < rank(lease.holder));
}

/** True until anybody has saved anything. */
function stillMayFound(machines: readonly Machine[], { mayFound }: SlurmLease): boolean {
  return mayFound && machines.every(({ slurm }) => slurm?.controller?.replica === undefined);
}

/** Whether more than half of the replicas answer; one that fell silent lately does not, whatever it said before. */
export function hasMajority(
  machines: readonly Machine[],
  replicas: readonly string[],
  silent: string | undefined,
): boolean {
  const answering = replicas.filter(
    (name) =>
      (name !== silent || replicas.length === 1) && machines.some((one) => one.name === name && one.isReady),
  );
  return answering.length * 2 > replicas.length;
}

/** Of the replicas that answer: the newest, then the most preferred, then the first by name. Not the silent one, if there is another. */
function best(
  { policy, machines }: ControllerObserved,
  replicas: readonly string[],
  silent: string | undefined,
): string | undefined {
  const able = machines.filter(
    (machine) => machine.isReady && hasSlurm(machine) && replicas.includes(machine.name),
  );
  const others = able.filter(({ name, isCordoned }) => name !== silent && !isCordoned);
  const [first] = (others.length > 0 ? others : able).toSorted(
    (one, other) =>
      comparePositions(other.slurm?.controller?.replica, one.slurm?.controller?.replica) ||
      rankOf(policy.preference, one.name) - rankOf(policy.preference, other.name) ||
      compareText(one.name, other.name),
  );
  return first?.name;
}

/** Those that keep the state, sorted: the present ones as long as they are not lost, then others; an odd number. */
function wishReplicas(
  { policy, machines, nowMs }: ControllerObserved,
  present: readonly string[],
  holder?: string,
): readonly string[] {
  const candidates = machines.filter((machine) => hasSlurm(machine) && isCandidate(machine, policy));
  const isKept = ({ name, isReady, since }: Machine): boolean =>
    name === holder || (present.includes(name) && (isReady || nowMs - since < LOST_MS));
  const ranked = candidates
    .filter((machine) => isKept(machine) || machine.isReady)
    .toSorted(
      (one, other) =>
        Number(other.name === holder) - Number(one.name === holder) ||
        Number(isKept(other)) - Number(isKept(one)) ||
        comparePositions(other.slurm?.controller?.replica, one.slurm?.controller?.replica) ||
        rankOf(policy.preference, one.name) - rankOf(policy.preference, other.name) ||
        compareText(one.name, other.name),
    );
  const most = Math.min(policy.replicas, ranked.length);
  // An even number survives no more losses than the odd one below it. What is there is not given up for that.
  const count = Math.max(most - (most % 2 === 0 ? 1 : 0), Math.min(most, present.length));
  return withPreferred(ranked.slice(0, count), ranked, policy.preference, holder)
    .map(({ name }) => name)
    .toSorted(compareText);
}

/**
 * Who is preferred to the holder has to have a copy before it may lead, and takes the place of another one for that: of one that is
 * away, or else of the least preferred.
 */
function withPreferred(
  chosen: readonly Machine[],
  ranked: readonly Machine[],
  preference: readonly string[],
  holder: string | undefined,
): readonly Machine[] {
  const rank = ({ name }: Pick<Machine, "name">): number => rankOf(preference, name);
  const [first] = ranked
    .filter(({ isReady, isCordoned }) => isReady && !isCordoned)
    .toSorted((one, other) => rank(one) - rank(other));
  if (holder === undefined || first === undefined || rank(first) >= rankOf(preference, holder)) return chosen;
  if (chosen.includes(first)) return chosen;
  const [last] = chosen
    .filter(({ name }) => name !== holder)
    .toSorted(
      (one, other) =>
        Number(one.isReady) - Number(other.isReady) ||
        rank(other) - rank(one) ||
        compareText(other.name, one.name),
    );
  return last === undefined ? chosen : [...chosen.filter((one) => one !== last), first];
}

/** Machines without the package tell nothing of SLURM: whoever named one of them would name another one soon, for ever. */
export function hasSlurm({ slurm }: Machine): boolean {
  return slurm !== undefined;
}

function isCandidate(
  machine: Machine,
  { candidates, candidateLabels }: SlurmClusterSpec["controller"],
): boolean {
  return (candidates?.includes(machine.name) ?? true) && hasLabels(machine, candidateLabels);
}

function rankOf(preference: readonly string[], name: string | undefined): number {
  const index = name === undefined ? -1 : preference.indexOf(name);
  return index === -1 ? preference.length : index;
}

/** Positive if `one` is newer; nothing is older than everything. */
export function comparePositions(
  one: ReplicaPosition | undefined,
  other: ReplicaPosition | undefined,
): number {
  const [oneEpoch, otherEpoch] = [one?.epoch ?? -1, other?.epoch ?? -1];
  return oneEpoch - otherEpoch || (one?.sequence ?? -1) - (other?.sequence ?? -1);
}
