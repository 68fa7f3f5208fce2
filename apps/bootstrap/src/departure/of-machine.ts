import type { Retiring } from "@cluster-os/api";
import type { NodeProtocol, NodeProtocolInput } from "@cluster-os/formation";
import type { DaemonOptions } from "../daemon-options.ts";
import type { FirewallController } from "../firewall/firewall-controller.ts";
import type { KubernetesPart } from "../kubernetes/part.ts";
import type { View } from "../view.ts";
import { Departure } from "./departure.ts";
import type { DepartureObserved } from "./plan.ts";

export interface MachineToLeave {
  readonly machine: DaemonOptions;
  readonly protocol: NodeProtocol;
  readonly view: View;
  readonly kubernetes: KubernetesPart;
  readonly firewall: FirewallController;
  readonly feed: (input: NodeProtocolInput) => Promise<void>;
  readonly stopLoops: () => Promise<void>;
  readonly retire: (how: Retiring | undefined) => void;
}

/** How this machine leaves its cluster. */
export function departureOf(parts: MachineToLeave): Departure {
  const { machine, protocol, kubernetes, firewall, feed, stopLoops, retire } = parts;
  const { keys, settings, config, mesh, clock, onDeparture, logger } = machine;
  return new Departure({
    self: keys.identity.nodeId,
    clusterId: () => protocol.status.clusterId,
    observe: (mayReduce) => observeDeparture(parts, mayReduce),
    retire,
    stopLoops,
    leaveKubernetes: (signal) => kubernetes.leave(signal),
    departurePath: settings.departurePath,
    tellOthers: () => feed({ kind: "leave" }),
    stopMesh: async (signal) => {
      await mesh.remove(signal);
      await firewall.remove();
    },
    onEnd: onDeparture,
    clock,
    patience: config.patience ?? 1,
    logger,
  });
}

function observeDeparture(
  { machine, view, kubernetes }: MachineToLeave,
  mayReduce: boolean,
): Omit<DepartureObserved, "isRetiring" | "mayReduce"> {
  const self = machine.keys.identity.nodeId;
  const { controlPlane, settledRole } = kubernetes;
  return {
    role: settledRole,
    isToServe: view.isServer(self),
    hasOthers: view.roster().some(({ nodeId, hasLeft }) => nodeId !== self && !hasLeft),
    plan: controlPlane.considerRetirement(mayReduce),
    pause: controlPlane.autopilot?.pause,
  };
}
