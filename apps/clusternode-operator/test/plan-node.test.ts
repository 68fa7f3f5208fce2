import { CLUSTER_NODE_FINALIZER } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import type { Heartbeat } from "@cluster-os/reconcile";
import type { NodeAction } from "../src/plan/actions.ts";
import { planNode, type NodeObserved } from "../src/plan/plan-node.ts";
import { clusterNode, condition, kubernetesNode, NOW, patched, READY, SPEC_APPLIED } from "./fixtures.ts";

const deleted = { deletionTimestamp: "2026-03-01T11:59:00Z" };

/** Actions in one line each: what is done, and the events that tell of it. */
function summary(actions: readonly NodeAction[]): readonly string[] {
  return actions.map((action) => {
    const events = "events" in action ? action.events : [];
    const conditions =
      action.kind === "set-conditions"
        ? action.conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`)
        : [];
    return [action.kind, ...conditions, ...events.map(({ type, reason }) => `!${type} ${reason}`)].join(", ");
  });
}

describe("planNode", () => {
  const table: readonly {
    readonly name: string;
    readonly observed: Partial<NodeObserved>;
    readonly actions: readonly string[];
  }[] = [
    { name: "all as wished", observed: {}, actions: [] },
    {
      name: "just admitted: no Node, no report",
      observed: {
        clusterNode: clusterNode({ metadata: { finalizers: [] }, conditions: [] }),
        node: undefined,
        heartbeat: "never",
      },
      actions: [
        "add-finalizer",
        "set-conditions, Ready=Unknown NeverReported, SpecApplied=False NodeMissing, !Normal NeverReported, !Normal NodeMissing",
      ],
    },
    {
      name: "the first time in order",
      observed: {
        clusterNode: clusterNode({ conditions: [condition("MeshConnected"), condition("KubernetesReady")] }),
      },
      actions: [
        "set-conditions, Ready=True NodeReady, SpecApplied=True Applied, !Normal NodeReady, !Normal Applied",
      ],
    },
    {
      name: "a machine that fell silent",
      observed: { heartbeat: "expired" },
      actions: [
        "set-conditions, Ready=Unknown HeartbeatExpired, SpecApplied=True Applied, !Warning HeartbeatExpired",
      ],
    },
    { name: "an observer that has not watched for long", observed: { heartbeat: "unjudged" }, actions: [] },
    {
      name: "a new generation is seen, though nothing else changes",
      observed: { clusterNode: clusterNode({ metadata: { generation: 2 } }) },
      actions: ["set-conditions, Ready=True NodeReady, SpecApplied=True Applied"],
    },
    {
      name: "unschedulable",
      observed: { clusterNode: clusterNode({ spec: { unschedulable: true } }) },
      actions: ["patch-node, !Normal Cordoned"],
    },
    {
      name: "labels, taints and a role",
      observed: {
        clusterNode: clusterNode({
          spec: { labels: { rack: "7" }, taints: [{ key: "gpu", effect: "NoSchedule" }] },
          status: {
            roles: ["worker"],
            conditions: [READY, SPEC_APPLIED, condition("MeshConnected"), condition("KubernetesReady")],
          },
        }),
      },
      actions: ["patch-node, !Normal LabelsChanged, !Normal TaintsChanged"],
    },
    {
      name: "a machine that left",
      observed: {
        clusterNode: clusterNode({
          conditions: [
            condition("Member", "False", "Left"),
            condition("MeshConnected"),
            condition("KubernetesReady"),
            READY,
            SPEC_APPLIED,
          ],
        }),
        heartbeat: "expired",
      },
      actions: ["set-conditions, Ready=False Left, SpecApplied=True Applied, !Warning Left"],
    },
    {
      name: "a worker that is removed",
      observed: { clusterNode: clusterNode({ metadata: deleted, status: { roles: ["worker"] } }) },
      actions: [
        "revoke-access, !Normal AccessRevoked",
        "delete-node, !Normal NodeDeleted",
        "rest-index, !Normal IndexResting",
        "remove-finalizer",
      ],
    },
    {
      name: "a removed worker whose Node is gone already",
      observed: { clusterNode: clusterNode({ metadata: deleted }), node: undefined },
      actions: [
        "revoke-access, !Normal AccessRevoked",
        "delete-node",
        "rest-index, !Normal IndexResting",
        "remove-finalizer",
      ],
    },
    {
      name: "a server that is revoked by its spec while it serves",
      observed: {
        clusterNode: clusterNode({
          metadata: deleted,
          spec: { admission: "Revoked" },
          status: { roles: ["server"] },
        }),
      },
      actions: [
        "revoke-access, !Normal AccessRevoked",
        "delete-node, !Normal NodeDeleted",
        "rest-index, !Normal IndexResting",
        "remove-finalizer",
      ],
    },
    {
      name: "a server that is removed while it serves",
      observed: {
        clusterNode: clusterNode({
          metadata: deleted,
          status: {
            roles: ["server"],
            conditions: [READY, SPEC_APPLIED, condition("MeshConnected"), condition("KubernetesReady")],
          },
        }),
      },
      actions: ["set-conditions, Ready=True NodeReady, SpecApplied=False StillServes, !Warning StillServes"],
    },
    {
      name: "a server that is removed after its end",
      observed: {
        clusterNode: clusterNode({ metadata: deleted, status: { roles: ["server"] } }),
        node: undefined,
        heartbeat: "expired",
      },
      actions: [
        "revoke-access, !Normal AccessRevoked",
        "delete-node",
        "rest-index, !Normal IndexResting",
        "remove-finalizer",
      ],
    },
    {
      name: "somebody else's finalizer is all that holds it",
      observed: {
        clusterNode: clusterNode({ metadata: { ...deleted, finalizers: ["other.example/hold"] } }),
      },
      actions: [],
    },
  ];
  for (const { name, observed, actions } of table) {
    it(name, () => {
      const full = {
        clusterNode: clusterNode(),
        node: kubernetesNode(),
        heartbeat: "fresh",
        ...observed,
      } as const;
      expect(summary(planNode(full, NOW))).to.deep.equal(actions);
    });
  }

  /** What the API would have after the actions. */
  function after(observed: NodeObserved, actions: readonly NodeAction[]): NodeObserved {
    return actions.reduce<NodeObserved>((current, action) => {
      const { clusterNode: object, node } = current;
      const { metadata, status } = object;
      if (action.kind === "patch-node" && node) return { ...current, node: patched(node, action.patch) };
      if (action.kind === "add-finalizer") {
        const finalizers = [...(metadata.finalizers ?? []), CLUSTER_NODE_FINALIZER];
        return { ...current, clusterNode: { ...object, metadata: { ...metadata, finalizers } } };
      }
      if (action.kind === "remove-finalizer") {
        const finalizers = (metadata.finalizers ?? []).filter((one) => one !== CLUSTER_NODE_FINALIZER);
        return { ...current, clusterNode: { ...object, metadata: { ...metadata, finalizers } } };
      }
      if (action.kind === "set-conditions") {
        const own = action.conditions;
        const others = (status?.conditions ?? []).filter(({ type }) => !own.some((one) => one.type === type));
        return {
          ...current,
          clusterNode: { ...object, status: { ...status, conditions: [...others, ...own] } },
        };
      }
      return action.kind === "delete-node" ? { ...current, node: undefined } : current;
    }, observed);
  }

  const statuses = fc.constantFrom("True" as const, "False" as const, "Unknown" as const);
  const anything: fc.Arbitrary<NodeObserved> = fc.record({
    heartbeat: fc.constantFrom<Heartbeat>("fresh", "expired", "never", "unjudged"),
    node: fc.option(
      fc.boolean().map((unschedulable) => kubernetesNode({ spec: { unschedulable } })),
      { nil: undefined },
    ),
    clusterNode: fc
      .record({
        finalizers: fc.subarray([CLUSTER_NODE_FINALIZER, "other.example/hold"]),
        isDeleted: fc.boolean(),
        generation: fc.nat({ max: 3 }),
        unschedulable: fc.boolean(),
        roles: fc.subarray(["server", "worker"]),
        conditions: fc.uniqueArray(
          fc.record({
            type: fc.constantFrom("Ready", "SpecApplied", "Member", "MeshConnected", "KubernetesReady"),
            status: statuses,
          }),
          { selector: ({ type }) => type },
        ),
      })
      .map(({ finalizers, isDeleted, generation, unschedulable, roles, conditions }) =>
        clusterNode({
          metadata: { finalizers, generation, ...(isDeleted && deleted) },
          spec: { unschedulable },
          status: { roles, conditions: conditions.map(({ type, status }) => condition(type, status)) },
        }),
      ),
  });

  it("whatever is there: once the actions are done, nothing is left to do", () => {
    fc.assert(
      fc.property(anything, (observed) => {
        const result = after(observed, planNode(observed, NOW));
        expect(summary(planNode(result, "2026-03-01T13:00:00Z"))).to.deep.equal([]);
      }),
    );
  });

  it("whatever is there: it writes its own conditions only, and lets go of nothing before it is cleaned up", () => {
    fc.assert(
      fc.property(anything, (observed) => {
        const actions = planNode(observed, NOW);
        for (const action of actions) {
          if (action.kind !== "set-conditions") continue;
          expect(["Ready", "SpecApplied"]).to.include.members(action.conditions.map(({ type }) => type));
        }
        const kinds = actions.map(({ kind }) => kind);
        if (kinds.includes("remove-finalizer")) {
          expect(observed.clusterNode.metadata.deletionTimestamp).to.not.equal(undefined);
          expect(kinds.at(-1)).to.equal("remove-finalizer");
          expect(kinds).to.include.members(["revoke-access", "delete-node", "rest-index"]);
        } else {
          expect(kinds).to.not.include.oneOf(["revoke-access", "delete-node", "rest-index"]);
        }
      }),
    );
  });
});
