import type { NodeId } from "@cluster-os/identity";
import { GossipWorld } from "@cluster-os/simulator";
import { randomInteger } from "@cluster-os/std";

export interface Times {
  /** From the last start until every member holds every other alive, in milliseconds. */
  readonly agreeMs: number;
  /** From the kill until nobody holds the dead member alive or suspect, in milliseconds. */
  readonly deathKnownMs: number;
}

/** All start within half a second, as after a power cut. */
const START_WITHIN_MS = 500;
const GIVE_UP_MS = 300_000;
const REST_MS = 20_000;

/** How soon members know of each other, and of the death of one, on a LAN that loses 0.1 %. */
export function measureTimes(seed: number, members: number): Times {
  const alive = new Map<number, Set<NodeId>>();
  const failed = new Set<number>();
  let agreeing = 0;
  const victims = new Set<NodeId>();
  const world = new GossipWorld({
    seed,
    members,
    conditions: { loss: 0.001, duplication: 0, delayMs: [0.2, 2] },
    startWithinMs: START_WITHIN_MS,
    onChange: ({ number }, { nodeId, status }) => {
      const view = alive.get(number) ?? new Set<NodeId>();
      alive.set(number, view);
      const before = view.size === members - 1;
      if (status === "alive") view.add(nodeId);
      else view.delete(nodeId);
      agreeing += Number(view.size === members - 1) - Number(before);
      if (victims.has(nodeId) && status === "failed") failed.add(number);
    },
  });
  const agreedAt = world.run(GIVE_UP_MS, () => agreeing === members);
  world.run(world.timeline.now + REST_MS);
  const victim = world.members[randomInteger(world.rng, members)];
  if (!victim) throw new Error("there are no members");
  victims.add(victim.nodeId);
  const killedAt = world.timeline.now;
  world.kill(victim);
  const knownAt = world.run(killedAt + GIVE_UP_MS, () => failed.size === members - 1);
  return { agreeMs: agreedAt - START_WITHIN_MS, deathKnownMs: knownAt - killedAt };
}
