import { GossipWorld, type SimulatedMember } from "@cluster-os/simulator";
import type { Manner, Weather } from "./cells.ts";

export interface FalseDeathRequest {
  readonly seed: number;
  readonly members: number;
  /** Simulated seconds of each member, all together. */
  readonly nodeSeconds: number;
  readonly weather: Weather;
  readonly manner: Manner;
}

export interface FalseDeaths {
  /** Lives of a member that was there all the time, and that somebody held failed. */
  readonly deaths: number;
  /** How often anybody held such a member failed. */
  readonly verdicts: number;
  readonly steps: number;
}

/** Until all know each other; nothing is counted before. */
const WARM_UP_MS = 30_000;
/** One in so many members stalls now and then; only the others' deaths are false. */
const STALLING = 4;
const STALL_MS = 20_000;

/** Counts how often members that are there are held failed. */
export function countFalseDeaths(request: FalseDeathRequest): FalseDeaths {
  const { seed, members, nodeSeconds, weather, manner } = request;
  const { awakeMs } = weather;
  const dead = new Set<string>();
  let verdicts = 0;
  const isSteady = ({ number }: SimulatedMember): boolean => awakeMs === undefined || number % STALLING !== 0;
  const world = new GossipWorld({
    seed,
    members,
    conditions: weather.conditions,
    config: manner.config,
    startWithinMs: 1_000,
    onChange: (_, { nodeId, status, incarnation }, now) => {
      const subject = world.find(nodeId);
      if (status !== "failed" || now < WARM_UP_MS || !subject || !isSteady(subject)) return;
      dead.add(`${nodeId} ${incarnation}`);
      verdicts += 1;
    },
  });
  world.run(WARM_UP_MS);
  if (awakeMs !== undefined)
    for (const member of world.members) if (!isSteady(member)) stallAgainAndAgain(world, member, awakeMs);
  world.run(WARM_UP_MS + (nodeSeconds / members) * 1_000);
  return { deaths: dead.size, verdicts, steps: world.steps };
}

function stallAgainAndAgain(world: GossipWorld, member: SimulatedMember, awakeMs: number): void {
  const pauseMs = 2 * awakeMs * world.rng.fraction();
  world.timeline.after(pauseMs, () => {
    world.freeze(member, STALL_MS);
    world.timeline.after(STALL_MS, () => stallAgainAndAgain(world, member, awakeMs));
  });
}
