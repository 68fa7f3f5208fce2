import { clusterNodeObject } from "@cluster-os/api";
import type { KubeClient } from "@cluster-os/kube";
import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { NodeEvents } from "../src/server/node-events.ts";

/** An API that has one ClusterNode, and remembers what was created. */
function api(hasNode: boolean) {
  const created: Record<string, unknown>[] = [];
  const node = { ...clusterNodeObject("n-a"), metadata: { name: "n-a", uid: "u-1" } };
  const kube = {
    find: () => Promise.resolve(hasNode ? node : undefined),
    create: (_: unknown, object: Record<string, unknown>) => Promise.resolve(void created.push(object)),
  } as unknown as KubeClient;
  const clock = { now: () => 0, wallTime: () => 1_700_000_000_000 };
  const events = new NodeEvents({
    kube,
    instance: "n-server",
    clock,
    rng: seededRng(1),
    logger: silentLogger,
  });
  return { events, created };
}

describe("events of the servers' bootstrap", () => {
  const cases = [
    { act: { kind: "admitted", index: 4 }, reason: "NodeAdmitted", note: /index 4/ },
    { act: { kind: "left" }, reason: "NodeLeft", note: /keeps its index/ },
  ] as const;
  for (const { act, reason, note } of cases) {
    it(`${reason} is told on the ClusterNode, by its uid`, async () => {
      const { events, created } = api(true);
      await events.tell("n-a", act);
      await Promise.resolve();
      expect(created).to.have.length(1);
      expect(created[0]).to.deep.include({
        reason,
        type: "Normal",
        reportingInstance: "n-server",
        regarding: { apiVersion: "cluster-os.dev/v1alpha1", kind: "ClusterNode", name: "n-a", uid: "u-1" },
      });
      expect(created[0]?.["note"]).to.match(note);
    });
  }

  it("a node without an object has none", async () => {
    const { events, created } = api(false);
    await events.tell("n-a", { kind: "left" });
    expect(created).to.deep.equal([]);
  });
});
