/** A snapshot of etcd as it is kept: by its name, which tells when it was taken. */
export interface KeptSnapshot {
  readonly name: string;
  /** Unix milliseconds. */
  readonly takenAt: number;
}

/** So many of the newest are kept, */
const NEWEST = 8;
/** and the last one of each of so many days. */
const DAYS = 7;
const DAY_MS = 86_400_000;

/** Whether it is time for the next one. What lies in the future was taken by a clock that was wrong, and tells nothing. */
export function isSnapshotDue(
  kept: readonly KeptSnapshot[],
  { now, intervalMs }: { readonly now: number; readonly intervalMs: number },
): boolean {
  return !kept.some(({ takenAt }) => takenAt <= now && now - takenAt < intervalMs);
}

/** Which of them go. Never the newest, whatever the clock says. */
export function superfluous(kept: readonly KeptSnapshot[], now: number): readonly KeptSnapshot[] {
  const sorted = kept.toSorted((left, right) => right.takenAt - left.takenAt);
  const days = new Set<number>();
  return sorted.filter(({ takenAt }, at) => {
    const day = Math.floor(takenAt / DAY_MS);
    const isLastOfDay = !days.has(day);
    days.add(day);
    const isRecent = now - takenAt < DAYS * DAY_MS;
    return at >= NEWEST && !(isLastOfDay && isRecent);
  });
}

/** A living member that could keep a copy. */
export interface Holder {
  readonly nodeId: string;
  readonly index: number;
  readonly isServer: boolean;
}

/** To how many other machines each snapshot goes. */
export const COPIES = 2;

/** Servers first, since only they can open one; then the lowest indexes, so that copies are found where they were before. */
export function chooseHolders<H extends Holder>(others: readonly H[]): readonly H[] {
  return others
    .toSorted((left, right) => Number(right.isServer) - Number(left.isServer) || left.index - right.index)
    .slice(0, COPIES);
}

const NAME = /^([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z$/;

export function snapshotName(takenAt: number): string {
  return new Date(takenAt).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** Unix milliseconds; undefined of what is no snapshot's name. */
export function timeOfName(name: string): number | undefined {
  const [, ...parts] = NAME.exec(name) ?? [];
  if (parts.length === 0) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}
