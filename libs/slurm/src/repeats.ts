import type { NodeView, Queue } from "./answers.ts";

/** As slurmctld notes it on a node that refused a job because it runs it already. */
const DUPLICATE = "Duplicate jobid";

export type RepeatAction =
  { readonly kind: "release"; readonly job: number } | { readonly kind: "resume"; readonly node: string };

/**
 * What to tell SLURM about jobs that were started twice. A slurmctld that goes on from what the one before it had saved may start
 * a job anew that runs already: that one is ended and begins again, which is what is promised of it, but the node is drained and the
 * job held until a person comes (seen with 24.11.5). The jobs first: the nodes tell, until they are resumed, that there was such a
 * thing. Only drains of slurmctld's own, and none while its node still ends something.
 */
export function planRepeats(nodes: readonly NodeView[], { launchFailed }: Queue): readonly RepeatAction[] {
  const refused = nodes.filter(
    ({ states, reason, reasonBy }) =>
      states.includes("DRAIN") && reason === DUPLICATE && reasonBy === "slurm",
  );
  if (refused.length === 0) return [];
  const idle = refused.filter(({ states }) => states.includes("IDLE") && !states.includes("COMPLETING"));
  return [
    ...launchFailed.map((job) => ({ kind: "release", job }) as const),
    ...idle.map(({ name: node }) => ({ kind: "resume", node }) as const),
  ];
}
