import { CAUSE_MAX_LENGTH, type AuditEvent } from "@cluster-os/admission";
import {
  AutopilotWatch,
  planAutopilot,
  serversAfter,
  type AutopilotAction,
  type AutopilotObserved,
  type AutopilotPlan,
  type AutopilotPolicy,
  type AutopilotSnapshot,
} from "@cluster-os/election";
import type { Retiring } from "@cluster-os/api";
import { nodeName, type NodeId } from "@cluster-os/identity";
import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import type { Clock, Instant, Logger } from "@cluster-os/std";
import type { AutopilotAct } from "./autopilot-events.ts";
import { outdatedNodes } from "./outdated.ts";
import type { Roles } from "./roles-object.ts";

/** Rounds come every few seconds; what was not looked at for so long is not taken for unchanged. */
const STALE_AFTER_MS = 30_000;

export interface AutopilotOptions {
  readonly policy: AutopilotPolicy;
  /** etcd's members under the names of their nodes; none while it does not answer. */
  readonly etcdMembers: (signal: AbortSignal) => Promise<readonly EtcdMemberStatus[]>;
  readonly nodes: () => AutopilotSnapshot["nodes"];
  /** The node ID behind a node's name; undefined of one that is no member. */
  readonly nodeIdOf: (name: string) => NodeId | undefined;
  /** The newest roles that this machine's protocol knows. */
  readonly known: () => Pick<Roles, "epoch" | "servers">;
  /** Signs the roles and tells all members. */
  readonly publish: (roles: {
    epoch: number;
    servers: readonly NodeId[];
    decidedAt: number;
  }) => Promise<void>;
  readonly bury: (name: string, signal: AbortSignal) => Promise<void>;
  readonly tell: (act: AutopilotAct) => Promise<void>;
  /** Puts something into the audit log that happened at this wall time; again is the same. Never fails. */
  readonly record: (event: AuditEvent, at: number) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The object that holds the roles, by this server's own access. */
export interface RolesStore {
  read(): Promise<Roles>;
  decide(roles: Omit<Roles, "pause">): Promise<boolean>;
  /** Which machines people want without the control plane, by name. */
  retiring(): Promise<ReadonlyMap<string, Retiring>>;
  /** Each node's Kubernetes, for example "v1.34.4", by the node's name. */
  kubelets(): Promise<ReadonlyMap<string, string>>;
}

/** What autopilot last saw and wants. */
export interface AutopilotView {
  readonly epoch: number;
  readonly servers: readonly NodeId[];
  readonly plan: AutopilotPlan;
  /** Whether this server carries the plan out. */
  readonly isLeader: boolean;
  readonly pause: string | undefined;
  readonly at: Instant;
}

/**
 * Keeps the right machines in the control plane. Every ready server looks and plans, so that each knows since when things
 * are as they are; only the holder of the control Lease decides, in etcd first, under the next epoch. Others learn of a
 * decision by its record, which any server signs: all would sign the same bytes.
 */
export class Autopilot {
  readonly #options: AutopilotOptions;
  readonly #watch = new AutopilotWatch(STALE_AFTER_MS);
  #view: AutopilotView | undefined;
  #observed: AutopilotObserved | undefined;

  constructor(options: AutopilotOptions) {
    this.#options = options;
  }

  /** Undefined until the first look. */
  get view(): AutopilotView | undefined {
    return this.#view;
  }

  /** What it would do if this machine were to serve no more; undefined until the first look. */
  considerRetirement(nodeId: NodeId, mayReduce: boolean): AutopilotPlan | undefined {
    const observed = this.#observed;
    if (!observed) return undefined;
    const nodes = observed.nodes.map((node) =>
      node.nodeId === nodeId ? { ...node, isRetiring: true, mayReduce } : node,
    );
    return planAutopilot({ ...observed, nodes }, this.#options.clock.now());
  }

  async round(store: RolesStore, isLeader: boolean, signal: AbortSignal): Promise<void> {
    const { clock, known, publish, policy } = this.#options;
    const roles = await store.read();
    if (known().epoch > roles.epoch) return this.#adopt(store, isLeader);
    // First of all: a leader that died between deciding and signing left this to whoever comes next.
    if (roles.epoch > known().epoch) await publish(roles);
    if (isLeader) await this.#recordRoles(roles);
    const voters = await this.#voters(signal);
    const { epoch, servers, pause } = roles;
    const now = clock.now();
    const nodes = this.#nodes(await store.retiring());
    const snapshot = { nodes, servers, epoch, voters, ...(pause !== undefined && { pause }) };
    const observed = await this.#withVersions({ ...this.#watch.look(snapshot, now), policy }, store, now);
    this.#observed = observed;
    const plan = planAutopilot(observed, now);
    this.#note({ epoch, servers, plan, isLeader, pause, at: now });
    if (isLeader && plan.action.kind !== "none") await this.#act(store, roles, plan, signal);
  }

  /**
   * No record is signed before etcd has the decision: an etcd that is behind was made anew from an older state, and takes
   * over what the members know. Nothing is decided before.
   */
  async #adopt(store: RolesStore, isLeader: boolean): Promise<void> {
    const { clock, known, logger } = this.#options;
    if (!isLeader) return;
    const { epoch, servers } = known();
    logger.warn("etcd is behind the members: it takes over the roles that they know", { epoch });
    const cause = "etcd was made anew from an older state";
    await store.decide({ epoch, servers, decidedAt: Math.round(clock.wallTime()), cause });
  }

  /** A machine is retired by its own word, or by a person's. */
  #nodes(wanted: ReadonlyMap<string, Retiring>): AutopilotSnapshot["nodes"] {
    return this.#options.nodes().map((node) => {
      const wish = wanted.get(nodeName(node.nodeId));
      if (wish === undefined) return node;
      return { ...node, isRetiring: true, mayReduce: node.mayReduce === true || wish === "anyway" };
    });
  }

  /** Asked only when somebody is to become a server: it is a list of all nodes, and a round comes every other second. */
  async #withVersions(
    observed: AutopilotObserved,
    store: RolesStore,
    now: Instant,
  ): Promise<AutopilotObserved> {
    const { action } = planAutopilot(observed, now);
    if (action.kind !== "promote" && action.kind !== "replace") return observed;
    const outdated = outdatedNodes(await store.kubelets(), observed.servers.map(nodeName));
    if (outdated.size === 0) return observed;
    const nodes = observed.nodes.map((node) => ({
      ...node,
      isOutdated: outdated.has(nodeName(node.nodeId)),
    }));
    return { ...observed, nodes };
  }

  /** In the round after a decision and before the next one: so none is missing, whoever leads then. */
  async #recordRoles({ epoch, servers, decidedAt, cause }: Roles): Promise<void> {
    // Those of before the first decision are in the entry of genesis.
    if (epoch === 0) return;
    const why = cause === undefined ? {} : { cause: cause.slice(0, CAUSE_MAX_LENGTH) };
    await this.#options.record({ kind: "roles", epoch, servers: [...servers], ...why }, decidedAt);
  }

  /** Every member, or nothing: a list in which one cannot be told would make a majority of what is none. */
  async #voters(signal: AbortSignal): Promise<AutopilotSnapshot["voters"]> {
    const members = await this.#options.etcdMembers(signal);
    const voters = members.flatMap(({ name, isLearner, healthy }) => {
      const nodeId = this.#options.nodeIdOf(name);
      return nodeId === undefined ? [] : [{ nodeId, isLearner, isHealthy: healthy }];
    });
    return voters.length === members.length ? voters : undefined;
  }

  #note(view: AutopilotView): void {
    const before = this.#view?.plan;
    this.#view = view;
    if (before?.reason === view.plan.reason) return;
    const { action, reason, wanted } = view.plan;
    this.#options.logger.info("autopilot", {
      wants: describeAction(action),
      reason,
      wanted,
      epoch: view.epoch,
    });
  }

  async #act(
    store: RolesStore,
    roles: Roles,
    { action, reason }: AutopilotPlan,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, publish, bury, tell, record, logger } = this.#options;
    const act = describeAction(action);
    if (action.kind === "bury") {
      const name = nodeName(action.nodeId);
      logger.warn("autopilot acts", { act, reason });
      // First, since afterwards nothing shows that there was anything to bury.
      await record({ kind: "removal", name, epoch: roles.epoch }, clock.wallTime());
      await bury(name, signal);
      return tell({ action, reason, epoch: roles.epoch });
    }
    const next = {
      epoch: roles.epoch + 1,
      servers: serversAfter(roles.servers, action),
      decidedAt: Math.round(clock.wallTime()),
      cause: `${act}: ${reason}`,
    };
    logger.warn("autopilot acts", { act, reason, epoch: next.epoch });
    if (!(await store.decide(next))) return;
    await publish(next);
    await tell({ action, reason, epoch: next.epoch });
  }
}

/** An action in words: "replace n-b by n-d". */
export function describeAction(action: AutopilotAction): string {
  switch (action.kind) {
    case "none":
      return "nothing";
    case "replace":
      return `replace ${nodeName(action.lost)} by ${nodeName(action.nodeId)}`;
    default:
      return `${action.kind} ${nodeName(action.nodeId)}`;
  }
}
