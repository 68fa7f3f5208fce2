import { setImmediate as turn } from "node:timers/promises";
import { seededRng } from "@cluster-os/std";
import { RESOURCES } from "../src/index.ts";
import type { WorldChange } from "./changes.ts";
import { FakeApiServer, NO_FAULTS, randomFaults } from "./fake/index.ts";
import { describeInformer, type InformerContract, type InformerTarget } from "./informer.contract.ts";

describe("informer on an API server that goes wrong", () => {
  for (const seed of [1, 2]) describeInformer("fake", { seed, changes: 10_000, objects: 500 }, startFake);
});

async function startFake({ seed }: InformerContract): Promise<InformerTarget> {
  const fake = await FakeApiServer.start([RESOURCES.configMap]);
  const { world } = fake;
  fake.faults = randomFaults(seededRng(seed + 1000), { readsPer: 5, eventsPer: 40 });
  let rounds = 0;
  const act = ({ kind, name, value }: WorldChange): void => {
    const metadata = { name, namespace: "default", labels: { test: "informer" } };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value } };
    if (kind === "create") world.create("configmaps", object);
    else if (kind === "update") world.mergePatch("configmaps", `default/${name}`, { data: { value } });
    else world.delete("configmaps", `default/${name}`);
  };
  return {
    connection: fake.connection,
    // Short times, so that what takes minutes on a real one happens many times here.
    settings: {
      pageSize: 100,
      watchMs: 1000,
      auditEveryMs: 1500,
      inactivityMs: 100,
      backoff: { initialMs: 4, maxMs: 60, factor: 2 },
    },
    change: async (round) => {
      round.forEach(act);
      rounds += 1;
      if (rounds % 10 === 0) fake.sendBookmarks();
      // Older history goes, as etcd's does.
      if (rounds % 5 === 0) world.compact(1500);
      await turn();
      await new Promise((resolve) => setTimeout(resolve, 8));
    },
    truth: async () =>
      new Map(
        [...world.at("configmaps")].map(([key, { metadata }]) => [key, metadata.resourceVersion ?? ""]),
      ),
    heal: () => void (fake.faults = NO_FAULTS),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}
