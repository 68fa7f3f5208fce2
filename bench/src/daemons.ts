/** What a process has used, at one moment. */
export interface Usage {
  /** Its share of memory, pages it shares divided among those that share them (proc_pid_smaps(5)). */
  readonly pssKib: number;
  readonly rssKib: number;
  /** Processor time in ticks of 10 ms (proc_pid_stat(5), fields 14 and 15). */
  readonly ticks: number;
}

/** A daemon of one machine at rest. */
export interface Daemon {
  readonly machine: string;
  readonly unit: string;
  readonly before: Usage;
  readonly after: Usage;
}

export const NO_USAGE: Usage = { pssKib: 0, rssKib: 0, ticks: 0 };

/** Reads the texts of /proc/PID/smaps_rollup and /proc/PID/stat. */
export function parseUsage(smaps: string, stat: string): Usage {
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}: +([0-9]+) kB$`, "m").exec(smaps)?.[1] ?? 0);
  // The second field may hold spaces and brackets: fields are counted from the last bracket on.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pssKib: kib("Pss"), rssKib: kib("Rss"), ticks: Number(fields[11]) + Number(fields[12]) };
}

export function addUsage(left: Usage, right: Usage): Usage {
  return {
    pssKib: left.pssKib + right.pssKib,
    rssKib: left.rssKib + right.rssKib,
    ticks: left.ticks + right.ticks,
  };
}

/** A row per daemon and machine: memory at the end, and the processor's share over the time between. */
export function daemonRows(daemons: readonly Daemon[], seconds: number): readonly (readonly string[])[] {
  return daemons.map(({ machine, unit, before, after }) => [
    machine,
    unit,
    mebibytes(after.pssKib),
    mebibytes(after.rssKib),
    `${(((after.ticks - before.ticks) / 100 / seconds) * 100).toFixed(2)} %`,
  ]);
}

function mebibytes(kib: number): string {
  return (kib / 1024).toFixed(1);
}
