import { z } from "zod";

/** SLURM answered in a way that is not understood. Never to be taken for any state of a node or a job. */
export class SlurmAnswerError extends Error {
  override readonly name = "SlurmAnswerError";
}

/** One node as SLURM sees it. */
export interface NodeView {
  readonly name: string;
  /** For example IDLE and DRAIN. */
  readonly states: readonly string[];
  /** Empty where there is none. */
  readonly reason: string;
  /** Whose reason it is: a user's name, or that of SLURM's own account. */
  readonly reasonBy: string;
  /** What somebody noted of it; empty where there is nothing. */
  readonly comment: string;
}

export interface JobCounts {
  readonly running: number;
  readonly pending: number;
}

/** A job that runs, and since when, in Unix seconds. */
export interface RunningJob {
  readonly id: number;
  readonly name: string;
  readonly startedAt: number;
}

export interface Queue {
  readonly counts: JobCounts;
  readonly running: readonly RunningJob[];
  /** Jobs that are held because a node would not begin them. */
  readonly launchFailed: readonly number[];
}

/** slurmctld's own words. */
const LAUNCH_FAILED = "launch failed requeued held";

const Problem = z.object({ description: z.string().optional(), error: z.string().optional() });
const Answer = { errors: z.array(Problem).default([]) };
const Nodes = z.object({
  ...Answer,
  nodes: z.array(
    z.object({
      name: z.string(),
      state: z.array(z.string()).min(1),
      reason: z.string().default(""),
      reason_set_by_user: z.string().default(""),
      comment: z.string().default(""),
    }),
  ),
});
const Jobs = z.object({
  ...Answer,
  jobs: z.array(
    z.object({
      job_state: z.array(z.string()).min(1),
      job_id: z.int().optional(),
      name: z.string().optional(),
      hold: z.boolean().default(false),
      state_description: z.string().default(""),
      start_time: z.object({ set: z.boolean(), number: z.number() }).optional(),
    }),
  ),
});

/** Reads `scontrol show nodes --json`. Throws a {@link SlurmAnswerError} unless it is a whole answer without an error. */
export function parseNodes(text: string): readonly NodeView[] {
  return read(Nodes, text, "scontrol show nodes").nodes.map(({ state, reason_set_by_user, ...rest }) => ({
    ...rest,
    states: state,
    reasonBy: reason_set_by_user,
  }));
}

/** Reads `squeue --json`: jobs that have ended and are still remembered count as neither. */
export function parseJobs(text: string): Queue {
  const { jobs } = read(Jobs, text, "squeue");
  const count = (...states: readonly string[]): number =>
    jobs.filter(({ job_state }) => job_state.some((state) => states.includes(state))).length;
  const running = jobs.flatMap(({ job_state, job_id, name, start_time }) =>
    job_state.includes("RUNNING") && job_id !== undefined && name !== undefined && start_time?.set
      ? [{ id: job_id, name, startedAt: start_time.number }]
      : [],
  );
  return {
    counts: { running: count("RUNNING", "COMPLETING", "CONFIGURING"), pending: count("PENDING") },
    running,
    launchFailed: jobs.flatMap(({ job_id, hold, state_description }) =>
      job_id !== undefined && hold && state_description === LAUNCH_FAILED ? [job_id] : [],
    ),
  };
}

const DOWN = ["DOWN", "FAIL", "NOT_RESPONDING", "ERROR", "UNKNOWN", "FUTURE"];

/** How many there are, and of these, how many take jobs, are down, or are drained. Each counts once. */
export function summarise(nodes: readonly NodeView[]): {
  readonly total: number;
  readonly available: number;
  readonly down: number;
  readonly drained: number;
} {
  const has = ({ states }: NodeView, wanted: readonly string[]): boolean =>
    states.some((state) => wanted.includes(state));
  const down = nodes.filter((node) => has(node, DOWN));
  const drained = nodes.filter((node) => !has(node, DOWN) && has(node, ["DRAIN"]));
  return {
    total: nodes.length,
    available: nodes.length - down.length - drained.length,
    down: down.length,
    drained: drained.length,
  };
}

function read<Shape extends z.ZodType<{ errors: readonly z.output<typeof Problem>[] }>>(
  shape: Shape,
  text: string,
  what: string,
): z.output<Shape> {
  const { data, error } = shape.safeParse(jsonOf(text, what));
  if (!data) throw new SlurmAnswerError(`${what} answered in a way that is not understood`, { cause: error });
  const [problem] = data.errors;
  if (problem) throw new SlurmAnswerError(`${what}: ${problem.error ?? problem.description ?? "failed"}`);
  return data;
}

function jsonOf(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SlurmAnswerError(`${what} did not answer in JSON`, { cause });
  }
}
