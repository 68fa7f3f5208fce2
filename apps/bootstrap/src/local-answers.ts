import type { NodeStatus } from "@cluster-os/api";
import type { NodeProtocol, NodeProtocolInput } from "@cluster-os/formation";
import { nodeName } from "@cluster-os/identity";
import type { DaemonOptions } from "./daemon-options.ts";
import type { Departure } from "./departure/departure.ts";
import { deskAnswers } from "./desk-answers.ts";
import type { FirewallController } from "./firewall/firewall-controller.ts";
import type { KubernetesPart } from "./kubernetes/part.ts";
import type { LocalApiAnswers } from "./local-api.ts";
import { underlayAddresses } from "./machine.ts";
import { lookAtMesh, type MeshSight } from "./mesh-interface.ts";
import { autopilotStatus, clusterStatus, memberList, nodeReport } from "./reports.ts";
import { requireAuthority, ringKeyReport } from "./ring-keys.ts";
import { recoveryOf } from "./recovery/of-machine.ts";
import type { StateFile } from "./state-file.ts";
import type { View } from "./view.ts";

export interface LocalAnswersOptions {
  readonly machine: DaemonOptions;
  readonly protocol: NodeProtocol;
  readonly view: View;
  readonly kubernetes: KubernetesPart;
  readonly firewall: FirewallController;
  readonly stateFile: Pick<StateFile, "problem">;
  /** Hands an input to the protocol; resolves once its effects are carried out. */
  readonly feed: (input: NodeProtocolInput) => Promise<void>;
  /** The mesh's MTU in bytes; undefined until the mesh is up. */
  readonly meshMtu: () => number | undefined;
  /** Names of the interfaces on which this machine looks for others. */
  readonly interfaces: () => readonly string[];
  readonly departure: Departure;
  /** Something was decided about who is a member. */
  readonly membersChanged: () => void;
}

/** What this machine's local API answers, and does for whoever asks. */
export function localAnswers(options: LocalAnswersOptions): LocalApiAnswers {
  const { machine, protocol, view, kubernetes, firewall, departure, feed, membersChanged } = options;
  const { distribution, config, keys, clock } = machine;
  const recovery = recoveryOf(options);
  return {
    status: () => reportOf(options),
    // A person asks this one: it looks at etcd anew. node-agent asks `status`, every few seconds.
    cluster: async () => {
      const signal = AbortSignal.timeout(4_000 * (config.patience ?? 1));
      const seen = await distribution.status(signal);
      return clusterStatus(view, protocol.status.clusterId, seen, autopilotOf(options));
    },
    members: () => Promise.resolve(memberList(view)),
    firewall: () => firewall.report(),
    ringKeys: () => Promise.resolve(ringKeyReport(view, protocol.status)),
    rotateRingKey: async () => {
      requireAuthority(view, protocol.status);
      await feed({ kind: "rotate-ring-key" });
      return ringKeyReport(view, protocol.status);
    },
    leave: (request, signal) => departure.leave(request, signal),
    recover: (request) => recovery.recover(request),
    upgrade: () => kubernetes.upgrade.report(),
    upgradeKubernetes: (request) => kubernetes.upgrade.ask(request),
    ...deskAnswers({
      desk: () => kubernetes.controlPlane.desk,
      protocol,
      given: config.joinKey,
      decidedBy: `cluster-os on ${nodeName(keys.identity.nodeId)}`,
      changed: membersChanged,
      clock,
    }),
    agentCertificate: ({ csrPem }, signal) => kubernetes.agentCertificate(csrPem, signal),
  };
}

function autopilotOf({ machine, kubernetes }: LocalAnswersOptions) {
  return autopilotStatus(kubernetes.controlPlane.autopilot, machine.clock.now());
}

async function reportOf(options: LocalAnswersOptions): Promise<NodeStatus> {
  const { machine, protocol, view, kubernetes, firewall, interfaces, meshMtu } = options;
  const { version, config, steps } = machine;
  const sight: MeshSight = meshMtu() === undefined ? {} : await lookAtMesh(machine.mesh);
  return nodeReport({
    protocol: protocol.status,
    view,
    version,
    label: config.label,
    underlayAddresses: underlayAddresses(),
    kubernetesState: kubernetes.state,
    kubernetes: kubernetes.status,
    kubernetesRole: kubernetes.role,
    autopilot: autopilotOf(options),
    mesh: sight.mesh,
    meshError: sight.error,
    leaving: options.departure.waitsFor,
    steps: steps.list(),
    clocks: kubernetes.clocks,
    interfaces: interfaces(),
    counters: protocol.counters(),
    firewallError: firewall.error,
    stateError: options.stateFile.problem,
    patience: config.patience ?? 1,
  });
}
