import type { NodeView, Queue } from "./answers.ts";
import type { WishedDrain } from "./drains.ts";

/** As slurmctld notes it on a node that refused a job because it runs it already. */
const DUPLICATE = "Duplicate jobid";

export type RepeatAction =
  { readonly kind: "release"; readonly job: number } | { readonly kind: "resume"; readonly node: string };

/**
 * What to tell SLURM about jobs that were started twice. A slurmctld that goes on from what the one before it had saved may start
 * a job anew that runs already: that one is ended and begins again, which is what is promised of it, but the node is drained and the
 * job held until a person comes (seen with 24.11.5). The jobs first: the nodes tell, until they are resumed, that there was such a
 * thing. Jobs are held for other reasons as well, and nothing tells which, so they are released once for each such node. One that
 * is wished to be drained stays so, and `planDrains` takes it over.
 */
export function planRepeats(
  nodes: readonly NodeView[],
  { launchFailed }: Queue,
  wished: readonly WishedDrain[],
): readonly RepeatAction[] {
  const ended = nodes.filter((node) => isRefusal(node) && !node.states.includes("COMPLETING"));
  if (ended.length === 0) return [];
  const resumed = ended.filter(({ name }) => !wished.some(({ node }) => node === name));
  return [
    ...launchFailed.map((job) => ({ kind: "release", job }) as const),
    ...resumed.map(({ name: node }) => ({ kind: "resume", node }) as const),
  ];
}

/** Whether slurmctld itself drained a node because that refused a job which it runs already. */
export function isRefusal({ states, reason, reasonBy }: NodeView): boolean {
  return states.includes("DRAIN") && reason === DUPLICATE && reasonBy === "slurm";
}
