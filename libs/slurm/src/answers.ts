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
/**
 * What to ask squeue so that {@link parseJobs} can read it, and with what in its environment: one short line for each job, for of a
 * thousand jobs `--json` is eight megabytes. Nothing in it was written by a user.
 */
export const QUEUE_QUESTION = {
  args: ["--format=%A|%T|%S|%r"],
  env: { SLURM_TIME_FORMAT: "%s" },
} as const;
const QUEUE_HEADER = "JOBID|STATE|START_TIME|REASON";

/** Reads `scontrol show nodes --json`. Throws a {@link SlurmAnswerError} unless it is a whole answer without an error. */
export function parseNodes(text: string): readonly NodeView[] {
  return read(Nodes, text, "scontrol show nodes").nodes.map(({ state, reason_set_by_user, ...rest }) => ({
    ...rest,
    states: state,
    reasonBy: reason_set_by_user,
  }));
}

/** Reads what squeue says to {@link QUEUE_QUESTION}. Throws a {@link SlurmAnswerError} unless it is a whole answer. */
export function parseJobs(text: string): Queue {
  const [header, ...lines] = text.trimEnd().split("\n");
  if (header !== QUEUE_HEADER) throw new SlurmAnswerError("squeue answered in a way that is not understood");
  const jobs = lines.map(parseJob);
  const count = (...states: readonly string[]): number =>
    jobs.filter(({ state }) => states.includes(state)).length;
  return {
    counts: { running: count("RUNNING", "COMPLETING", "CONFIGURING"), pending: count("PENDING") },
    running: jobs.flatMap(({ id, state, startedAt }) =>
      state === "RUNNING" && startedAt !== undefined ? [{ id, startedAt }] : [],
    ),
    launchFailed: jobs.flatMap(({ id, reason }) => (reason === LAUNCH_FAILED ? [id] : [])),
  };
}

interface QueuedJob {
  readonly id: number;
  readonly state: string;
  readonly startedAt: number | undefined;
  readonly reason: string;
}

function parseJob(line: string): QueuedJob {
  const [, id, state, start, reason] = /^(\d+)\|([A-Z_]+)\|(\d+|N\/A)\|(.*)$/.exec(line) ?? [];
  if (id === undefined || state === undefined || reason === undefined) {
    throw new SlurmAnswerError("squeue told of a job in a way that is not understood");
  }
  return { id: Number(id), state, startedAt: start === "N/A" ? undefined : Number(start), reason };
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
