/** A line that `cluster-os up` printed: something was reached. */
export interface Reached {
  /** Seconds since `up` began. */
  readonly seconds: number;
  /** The machine it happened on; undefined for the lab as a whole. */
  readonly machine: string | undefined;
  readonly what: string;
}

/** What `cluster-os up` reported, in its order. */
export function parseSteps(output: string): readonly Reached[] {
  return [...output.matchAll(/^ +([0-9]+\.[0-9]) s {2}(?:(m[0-9]+) )?(.+)$/gm)].map(
    ([, seconds, machine, what]) => ({
      seconds: Number(seconds),
      machine,
      what: what ?? "",
    }),
  );
}

/** One row per step of machines: the first machine's time and the last one's. Steps of the lab are rows of their own. */
export function stepRows(reached: readonly Reached[], machines: number): readonly (readonly string[])[] {
  const steps = [...new Set(reached.map(({ machine, what }) => nameOf(machine, what)))];
  return steps.map((step) => {
    const times = reached
      .filter(({ machine, what }) => nameOf(machine, what) === step)
      .map(({ seconds }) => seconds);
    const isOfMachines =
      times.length > 1 || reached.some(({ machine, what }) => machine !== undefined && what === step);
    const first = Math.min(...times).toFixed(1);
    return [
      step,
      first,
      isOfMachines ? Math.max(...times).toFixed(1) : first,
      isOfMachines ? `${times.length}/${machines}` : "",
    ];
  });
}

/** The same step on different machines has one name; nodes have names of their own, which differ at each run. */
function nameOf(machine: string | undefined, what: string): string {
  if (machine !== undefined) return /^is n-/.test(what) ? "local API answers" : what;
  if (/^n-\S+ is Ready$/.test(what)) return "ClusterNode is Ready";
  return what.replace(/ m[0-9]+$/, " a machine");
}
