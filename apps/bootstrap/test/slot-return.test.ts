import type { NodeId } from "@cluster-os/identity";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { SlotReturn } from "../src/kubernetes/slot-return.ts";

const [a, b, c] = ["a", "b", "c"] as unknown as [NodeId, NodeId, NodeId];
const { signal } = new AbortController();

describe("the slot for changes of etcd", () => {
  let now = 0;
  let deaf = new Set<NodeId>();
  let told: NodeId[] = [];
  let slot: SlotReturn;

  beforeEach(() => {
    now = 0;
    deaf = new Set();
    told = [];
    slot = new SlotReturn({
      tell: (server) => {
        told.push(server);
        return deaf.has(server) ? Promise.reject(new Error("not ready")) : Promise.resolve();
      },
      servers: () => [a, b, c],
      clock: { now: () => now, wallTime: () => now },
      logger: silentLogger,
    });
  });

  it("is nobody's business where nothing was changed", async () => {
    await slot.giveBack(signal);
    expect(told).to.deep.equal([]);
  });

  it("goes back to who granted it, once", async () => {
    slot.owe(b);
    await slot.giveBack(signal);
    await slot.giveBack(signal);
    expect(told).to.deep.equal([b]);
    expect(slot.isOwed).to.equal(false);
  });

  it("goes to another server, if that one does not hear", async () => {
    deaf.add(b);
    slot.owe(b);
    await slot.giveBack(signal);
    expect(told).to.deep.equal([b, a]);
    expect(slot.isOwed).to.equal(false);
  });

  it("is owed until somebody hears", async () => {
    deaf = new Set([a, b, c]);
    slot.owe(b);
    await slot.giveBack(signal);
    expect(told).to.deep.equal([b, a, c]);
    expect(slot.isOwed).to.equal(true);
    deaf.delete(c);
    await slot.giveBack(signal);
    expect(slot.isOwed).to.equal(false);
  });

  it("is kept by who has it anew", async () => {
    slot.owe(b);
    slot.keep();
    await slot.giveBack(signal);
    expect(told).to.deep.equal([]);
  });

  it("is free by itself at last", async () => {
    deaf = new Set([a, b, c]);
    slot.owe(b);
    now = 180_001;
    await slot.giveBack(signal);
    expect(told).to.deep.equal([]);
    expect(slot.isOwed).to.equal(false);
  });
});
