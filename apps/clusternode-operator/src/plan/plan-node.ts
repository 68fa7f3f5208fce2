import {
  CLUSTER_NODE_FINALIZER,
  findCondition,
  setCondition,
  type ClusterNodeObject,
  type Condition,
} from "@cluster-os/api";
import type { Heartbeat } from "@cluster-os/reconcile";
import { isDeepStrictEqual } from "node:util";
import type { Node } from "@cluster-os/kube";
import type { EventText, NodeAction } from "./actions.ts";
import { nodeWish, planNodePatch, type NodePatch } from "./node-patch.ts";
import { planReadiness } from "./readiness.ts";
import type { Verdict } from "./verdict.ts";

/** Conditions that are the operator's alone. */
export const OWN_CONDITIONS: readonly string[] = ["Ready", "SpecApplied"];

/** One machine as the API and its heartbeat show it. */
export interface NodeObserved {
  readonly clusterNode: ClusterNodeObject;
  /** Kubernetes' own object of the same name, if there is one. */
  readonly node: Node | undefined;
  readonly heartbeat: Heartbeat;
}

/** What is to be done for one machine, in order. Nothing, if all is as wished. */
export function planNode(observed: NodeObserved, nowIso: string): readonly NodeAction[] {
  const { metadata } = observed.clusterNode;
  const isHeld = metadata.finalizers?.includes(CLUSTER_NODE_FINALIZER) ?? false;
  if (metadata.deletionTimestamp === undefined) {
    return [...(isHeld ? [] : [{ kind: "add-finalizer" } as const]), ...planPresent(observed, nowIso)];
  }
  if (!isHeld) return [];
  return mayGo(observed) ? planRemoval(observed) : planStay(observed, nowIso);
}

/** A machine that belongs to the cluster: its Node as the spec says, and its conditions as they are. */
function planPresent(observed: NodeObserved, nowIso: string): readonly NodeAction[] {
  const { clusterNode, node } = observed;
  const wish = nodeWish(clusterNode.spec, clusterNode.status?.roles ?? []);
  const patch = node && planNodePatch(wish, node);
  const actions: NodeAction[] = patch ? [{ kind: "patch-node", patch, events: eventsOf(patch) }] : [];
  const applied: Verdict = node
    ? { status: "True", reason: "Applied", message: "labels, taints and cordon are on the Kubernetes Node" }
    : { status: "False", reason: "NodeMissing", message: "there is no Kubernetes Node of this name" };
  return [...actions, ...planConditions(observed, applied, nowIso)];
}

/**
 * A serving machine that is alive does not go: its Node and its rights would be missed by the control plane that runs
 * on it. Whether it is alive shows within a lease's duration. One that is revoked serves no more, whatever it says.
 */
function mayGo({ clusterNode, heartbeat }: NodeObserved): boolean {
  if (clusterNode.spec?.admission === "Revoked") return true;
  const isServer = clusterNode.status?.roles?.includes("server") ?? false;
  return !isServer || heartbeat === "expired" || heartbeat === "never";
}

function planStay(observed: NodeObserved, nowIso: string): readonly NodeAction[] {
  const message = "it serves the control plane and is alive: shut the machine down to remove it";
  return planConditions(observed, { status: "False", reason: "StillServes", message }, nowIso);
}

/** The agent's rights go first, so that nothing is written in the machine's name once its objects are gone. */
function planRemoval({ clusterNode, node }: NodeObserved): readonly NodeAction[] {
  const { name } = clusterNode.metadata;
  const normal = (reason: string, note: string): readonly EventText[] => [{ type: "Normal", reason, note }];
  return [
    { kind: "revoke-access", events: normal("AccessRevoked", "node-agent's rights and lease are gone") },
    // Also when none was seen: a cache may lag, and nobody would look again.
    {
      kind: "delete-node",
      events: node ? normal("NodeDeleted", `Kubernetes Node ${name} is deleted`) : [],
    },
    { kind: "rest-index", events: normal("IndexResting", "its addresses rest before they are given again") },
    { kind: "remove-finalizer", events: [] },
  ];
}

/** Writes the operator's conditions where they differ from what is there. */
function planConditions(observed: NodeObserved, applied: Verdict, nowIso: string): readonly NodeAction[] {
  const { clusterNode, heartbeat } = observed;
  const before = clusterNode.status?.conditions ?? [];
  const ready = heartbeat === "unjudged" ? undefined : planReadiness({ heartbeat, conditions: before });
  const observedGeneration = clusterNode.metadata.generation ?? 0;
  const verdicts = { ...(ready && { Ready: ready }), SpecApplied: applied };
  const after = Object.entries(verdicts).reduce<readonly Condition[]>(
    (conditions, [type, verdict]) =>
      setCondition(conditions, { type, ...verdict, observedGeneration }, nowIso),
    before,
  );
  if (isDeepStrictEqual(before, after)) return [];
  const conditions = after.filter(({ type }) => OWN_CONDITIONS.includes(type));
  return [{ kind: "set-conditions", conditions, events: transitions(before, conditions) }];
}

/** An event for each condition whose status changed: a node that turns from True is a warning. */
function transitions(before: readonly Condition[], after: readonly Condition[]): readonly EventText[] {
  return after.flatMap(({ type, status, reason, message }) => {
    const previous = findCondition(before, type)?.status;
    if (previous === status) return [];
    const note = `${type} is ${status}: ${message}`;
    return [{ type: previous === "True" ? "Warning" : "Normal", reason, note } satisfies EventText];
  });
}

function eventsOf({ metadata, spec }: NodePatch): readonly EventText[] {
  const events: EventText[] = [];
  const tell = (reason: string, note: string): void => void events.push({ type: "Normal", reason, note });
  if (spec?.unschedulable === true)
    tell("Cordoned", "no new work is placed here, as spec.unschedulable says");
  if (spec?.unschedulable === null)
    tell("Uncordoned", "work is placed here again, as spec.unschedulable says");
  const labels = Object.keys(metadata.labels ?? {});
  if (labels.length > 0) tell("LabelsChanged", `labels ${labels.sort().join(", ")} of the Kubernetes Node`);
  if (spec?.taints !== undefined)
    tell("TaintsChanged", "taints of the Kubernetes Node are as spec.taints says");
  return events;
}
