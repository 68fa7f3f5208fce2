import {
  planAutopilot,
  serversAfter,
  type AutopilotAction,
  type AutopilotObserved,
  type AutopilotPlan,
} from "@cluster-os/election";
import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";

/** A member of etcd in the model. */
export interface ModelMember {
  readonly nodeId: NodeId;
  readonly isLearner: boolean;
}

/** What was done to the list of etcd's members. */
export interface MemberChange {
  readonly kind: "announce" | "promote" | "remove";
  readonly nodeId: NodeId;
}

/** What the world does to a machine, and what it is. */
export interface ModelMachine {
  readonly nodeId: NodeId;
  readonly rank: number;
  isOn: boolean;
  /** It never comes back. */
  isBurnt: boolean;
  /** It runs, and answers nobody in time, until then. */
  stalledUntil: Instant;
  /** Only machines of one group hear each other. */
  group: number;
  isRetiring: boolean;
  /** What it is in Kubernetes. */
  role: "server" | "worker";
  /** The roles it has heard of. */
  epoch: number;
  servers: readonly NodeId[];
  /**
   * How far it is on its way to become a server: a step takes seconds, and may be cut. "unrecorded" votes, but does not
   * know that it is through: its last step failed, or was cut off.
   */
  joining: "no" | "granted" | "copying" | "unrecorded";
  stepAt: Instant;
}

/** What may be broken on purpose, to show that the model notices. */
export interface ModelRules {
  /** The plan of each round. */
  readonly plan: (observed: AutopilotObserved, now: Instant) => AutopilotPlan;
  /** Whether a server lets another one step down only while all others are well. */
  readonly stepDownIsChecked: boolean;
  /** Whether who joins waits until every listed member answers. */
  readonly joinIsChecked: boolean;
  /** Whether a machine that does not know of its vote has etcd forget it before it wipes its data. */
  readonly voteIsGivenBack: boolean;
  /** Whether it does so only while the others are a majority of themselves. */
  readonly wipeIsChecked: boolean;
}

export const SAFE_MODEL: ModelRules = {
  plan: planAutopilot,
  stepDownIsChecked: true,
  joinIsChecked: true,
  voteIsGivenBack: true,
  wipeIsChecked: true,
};

/**
 * etcd as far as a change of its members goes: one list, agreed on by a majority of the voters that hear each other. It is
 * harder than the real one in one thing: it removes whom it is told to at once, so every removal that costs the majority
 * shows. etcd refuses such a one, and waits with others until enough of the voters have been connected for 5 s.
 */
export class ModelEtcd {
  #members: readonly ModelMember[] = [];
  #voters: readonly NodeId[] = [];
  readonly #changes: MemberChange[] = [];
  epoch = 0;
  servers: readonly NodeId[];

  constructor(servers: readonly NodeId[]) {
    this.servers = servers;
    this.#list(servers.map((nodeId) => ({ nodeId, isLearner: false })));
  }

  get members(): readonly ModelMember[] {
    return this.#members;
  }

  get voters(): readonly NodeId[] {
    return this.#voters;
  }

  /** All that were made, the first one first. */
  get changes(): readonly MemberChange[] {
    return this.#changes;
  }

  /** Whether those who answer are a majority of the voters. */
  hasMajority(answers: (nodeId: NodeId) => boolean): boolean {
    return this.#voters.filter(answers).length * 2 > this.#voters.length;
  }

  has(nodeId: NodeId): boolean {
    return this.#members.some((member) => member.nodeId === nodeId);
  }

  decide(action: AutopilotAction): void {
    this.epoch += 1;
    this.servers = serversAfter(this.servers, action);
  }

  announce(nodeId: NodeId): void {
    this.#changes.push({ kind: "announce", nodeId });
    this.#list([...this.#without(nodeId), { nodeId, isLearner: true }]);
  }

  vote(nodeId: NodeId): void {
    this.#changes.push({ kind: "promote", nodeId });
    this.#list([...this.#without(nodeId), { nodeId, isLearner: false }]);
  }

  remove(nodeId: NodeId): void {
    if (this.has(nodeId)) this.#changes.push({ kind: "remove", nodeId });
    this.#list(this.#without(nodeId));
  }

  #without(nodeId: NodeId): readonly ModelMember[] {
    return this.#members.filter((member) => member.nodeId !== nodeId);
  }

  #list(members: readonly ModelMember[]): void {
    this.#members = members;
    this.#voters = members.flatMap(({ nodeId, isLearner }) => (isLearner ? [] : [nodeId]));
  }
}
