import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";
import type { Focus } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";
import type { Views } from "./views.ts";

export interface EndingHost {
  readonly fleet: Fleet;
  readonly views: Views;
  readonly focus: Focus;
  readonly revoked: ReadonlySet<NodeId>;
}

/** Why all is not well yet, for the machines that are there for good; undefined when it is. */
export function whatIsMissing(host: EndingHost): string | undefined {
  const machines = remaining(host);
  for (const { number, protocol } of machines) {
    if (!protocol) return `${number} is down`;
    if (protocol.roster === undefined) return `${number} is no member: ${protocol.status.stage}`;
  }
  if (host.focus === "genesis") return undefined;
  const disagreement = whoDisagrees(host);
  if (disagreement !== undefined) return disagreement;
  for (const machine of machines)
    if (!machine.isEstablished) return `${machine.number} knows of no established epoch`;
  return undefined;
}

/** Who does not hold all others alive, of the members of its cluster, or holds someone alive that is gone. */
export function whoDisagrees(host: EndingHost): string | undefined {
  const machines = remaining(host).filter(({ clusterId }) => clusterId !== undefined);
  const sizes = new Map<string, number>();
  for (const { clusterId = "" } of machines) sizes.set(clusterId, (sizes.get(clusterId) ?? 0) + 1);
  const wrong = machines.find(
    (machine) => aliveOn(machine, host).size !== (sizes.get(machine.clusterId ?? "") ?? 0) - 1,
  );
  if (!wrong) return undefined;
  const alive = aliveOn(wrong, host);
  const ghost = [...alive].find((nodeId) => !machines.some((machine) => machine.nodeId === nodeId));
  if (ghost) return `${wrong.number} holds ${host.fleet.find(ghost).number} alive, which is gone`;
  const unseen = machines.find(
    (other) => other !== wrong && other.clusterId === wrong.clusterId && !alive.has(other.nodeId),
  );
  return `${wrong.number} does not see ${unseen?.number ?? "all"} alive`;
}

/** Of a machine that is revoked nothing is told when it disappears: then the protocol itself is asked. */
function aliveOn(machine: SimulatedMachine, { views, revoked }: EndingHost): ReadonlySet<NodeId> {
  return revoked.size === 0 ? views.alive(machine) : membersAlive(machine);
}

function membersAlive({ nodeId: self, protocol }: SimulatedMachine): ReadonlySet<NodeId> {
  const members = protocol?.members() ?? [];
  return new Set(
    members.filter(({ nodeId, status }) => status === "alive" && nodeId !== self).map(({ nodeId }) => nodeId),
  );
}

/** Whether the incremental views are what the protocols say themselves: the whole is compared once, at the end. */
export function whoContradicts({ fleet, views, revoked }: EndingHost): string | undefined {
  if (revoked.size > 0) return undefined;
  const liar = fleet.all.find(
    (machine) => machine.isUp && membersAlive(machine).size !== views.alive(machine).size,
  );
  return liar && `${liar.number} has other members alive than it told of`;
}

/** All but those that are lost or revoked. */
function remaining({ fleet, revoked }: EndingHost): readonly SimulatedMachine[] {
  return fleet.all.filter(({ isLost, nodeId }) => !isLost && !revoked.has(nodeId));
}

/** How long it may take until all is well again after the last fault, in milliseconds. */
export const LIVENESS_MS: Instant = 240_000;

/**
 * How long it may take until all of so many know that one is dead, in milliseconds: until somebody asks it, which is after a
 * second on average, until the suspicion ends, at most four times 2.5 s by log10 of their number, and until all are told. So long after
 * a fault, too, may a machine still be held failed because of it: by who asked it then and waits eight times as long as usual.
 */
export function deathKnownWithinMs(machines: number): number {
  return 10_000 + 10_000 * Math.max(1, Math.log10(machines));
}
