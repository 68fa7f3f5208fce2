import { decodeNodeState, type NodeProtocolEffect } from "@cluster-os/formation";
import type { FaultInjector } from "./fault-injector.ts";
import type { Fleet } from "./fleet.ts";
import { InvariantViolation, type ClusterInvariants, type Clusters } from "./invariants.ts";
import type { SimulatedNetwork } from "./network.ts";
import type { SimulatedApp } from "./simulated-app.ts";
import type { SimulatedKubernetes } from "./simulated-kubernetes.ts";
import { descriptionOf, type MachineRunner, type SimulatedMachine } from "./simulated-machine.ts";
import type { Timeline } from "./timeline.ts";
import type { Views } from "./views.ts";

export interface EffectHost {
  readonly timeline: Timeline;
  readonly fleet: Fleet;
  readonly runner: MachineRunner;
  readonly network: SimulatedNetwork;
  readonly kubernetes: SimulatedKubernetes;
  readonly clusters: Clusters;
  readonly views: Views;
  readonly app: SimulatedApp;
  readonly faults: FaultInjector;
  readonly persistLateMs: number;
  readonly note: (machine: SimulatedMachine, what: string) => void;
}

/** Carries out what machines say, shows it to whoever watches, and springs the ambushes that wait for it. */
export class EffectRunner {
  readonly #host: EffectHost;

  constructor(host: EffectHost) {
    this.#host = host;
  }

  apply(machine: SimulatedMachine, effect: NodeProtocolEffect): void {
    const { app, views, note } = this.#host;
    switch (effect.kind) {
      case "persist":
        return this.#persist(machine, effect.state);
      case "send": {
        const to = this.#host.fleet.at(effect.to);
        return to && this.#send(machine, to, effect.bytes);
      }
      case "multicast":
        for (const to of this.#host.fleet.all) if (to !== machine) this.#send(machine, to, effect.bytes);
        return;
      case "application":
        return app.admit(machine, effect.applicant.nodeId);
      case "admitted":
      case "epoch":
      case "established":
        return this.#become(machine, effect);
      case "member-changed":
        return views.note(machine, effect.member);
      case "fact-learned":
      case "ring-key":
        return;
      case "message":
        return app.hear(machine, effect.topic, effect.body);
      case "misconduct":
        throw new InvariantViolation(
          `${machine.number} takes ${this.#host.fleet.find(effect.nodeId).number} for a liar, by its ${effect.what}, and nobody lies`,
        );
      case "diagnostic":
        return note(machine, `reports ${effect.diagnostic.kind}`);
      default:
        effect satisfies never;
    }
  }

  /** The machine's Kubernetes is a voter of what was begun under `epoch`. */
  joined(number: number, epoch: number): void {
    const { fleet, runner, note } = this.#host;
    const machine = fleet.get(number);
    note(machine, `has joined epoch ${epoch}`);
    runner.step(machine, { kind: "joined", epoch });
    runner.step(machine, { kind: "describe", description: descriptionOf("ready", epoch) });
  }

  #persist(machine: SimulatedMachine, state: Uint8Array): void {
    const { persistLateMs, timeline } = this.#host;
    if (persistLateMs === 0) machine.disk = state;
    else {
      const { starts } = machine;
      timeline.after(persistLateMs, () => {
        if (machine.isUp && machine.starts === starts) machine.disk = state;
      });
    }
    // Afterwards ballots on genesis mean nothing, and states grow.
    if (machine.clusterId === undefined) this.#noteBallot(machine, state);
  }

  #noteBallot(machine: SimulatedMachine, state: Uint8Array): void {
    const { faults, clusters } = this.#host;
    const { genesisBallot, bootCounter } = decodeNodeState(state);
    clusters.noteLife(machine.nodeId, bootCounter);
    if (genesisBallot.accepted) faults.spring("accepted", machine.number);
    else if (genesisBallot.promised?.proposer === machine.nodeId) faults.spring("proposing", machine.number);
  }

  #become(
    machine: SimulatedMachine,
    effect: Extract<NodeProtocolEffect, { kind: "admitted" | "epoch" | "established" }>,
  ): void {
    const { fleet, faults, kubernetes, clusters, note } = this.#host;
    switch (effect.kind) {
      case "admitted":
        note(machine, `is member ${effect.index} of ${effect.clusterId.slice(0, 8)}`);
        machine.clusterId = effect.clusterId;
        machine.homeId = effect.clusterId;
        clusters.noteMember(machine.nodeId, effect.clusterId, effect.index);
        return faults.spring("decided", machine.number);
      case "epoch":
        note(machine, `is told: epoch ${effect.epoch} by ${fleet.find(effect.initialiser).number}`);
        this.#clusterOf(machine).noteEpoch(effect.epoch, effect.initialiser);
        if (effect.epoch > 0) faults.spring("superseded", machine.number);
        else if (effect.initialiser === machine.nodeId) faults.spring("appointed", machine.number);
        return kubernetes.follow(machine.number, effect.epoch, effect.initialiser);
      case "established": {
        const { epoch, servers } = effect.established;
        note(machine, `knows: epoch ${epoch} is established`);
        machine.isEstablished = true;
        this.#clusterOf(machine).noteEstablished(effect.established);
        faults.spring("established", machine.number);
        if (servers.includes(machine.nodeId)) kubernetes.follow(machine.number, epoch, undefined);
        return;
      }
      default:
        effect satisfies never;
    }
  }

  #clusterOf({ clusterId = "" }: SimulatedMachine): ClusterInvariants {
    return this.#host.clusters.of(clusterId);
  }

  #send(from: SimulatedMachine, to: SimulatedMachine, bytes: Uint8Array): void {
    const { network, timeline, runner } = this.#host;
    network.carry(from.number, to.number, bytes.length, (delayMs) =>
      timeline.after(delayMs, () => runner.step(to, { kind: "datagram", from: from.address, bytes })),
    );
  }
}
