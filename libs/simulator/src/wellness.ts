import type { Focus } from "./faults.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";

/** Why all is not well yet, for the machines that are not lost for good; undefined when it is. */
export function whatIsMissing(all: readonly SimulatedMachine[], focus: Focus): string | undefined {
  const machines = all.filter(({ isLost }) => !isLost);
  for (const { number, protocol } of machines) {
    if (!protocol) return `${number} is down`;
    if (protocol.status.clusterId === undefined) return `${number} is no member: ${protocol.status.stage}`;
  }
  if (focus === "genesis") return undefined;
  for (const machine of machines) {
    const unseen = machines.find((other) => other !== machine && !seesAlive(machine, other));
    if (unseen) return `${machine.number} does not see ${unseen.number} alive`;
    if (!machine.protocol?.status.established) return `${machine.number} knows of no established epoch`;
  }
  return undefined;
}

function seesAlive({ protocol }: SimulatedMachine, other: SimulatedMachine): boolean {
  return (
    protocol?.members().some(({ nodeId, status }) => nodeId === other.nodeId && status === "alive") ?? false
  );
}
