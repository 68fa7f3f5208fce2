import type { AuditEvent } from "@cluster-os/admission";
import type { UpgradeOrder, UpgradeProgress } from "@cluster-os/api";
import type { NodeId } from "@cluster-os/identity";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { Rollout, type ClusterNode } from "../../src/upgrade/rollout.ts";
import type { StoredWish } from "../../src/upgrade/wish-object.ts";

const { signal } = new AbortController();
const NEW = "v1.35.4";
const WISH: StoredWish = { version: NEW, sha256: "0".repeat(64), from: "n-1", ask: "today" };

function nodeAt(rank: number): ClusterNode {
  const [role, nodeId] = [rank <= 2 ? "server" : "worker", `ed25519:${rank}` as NodeId] as const;
  return { nodeId, name: `n-${rank}`, rank, role, version: "v1.34.4", isReady: true, isAlive: true };
}

describe("the server that leads an upgrade", () => {
  let nodes: ClusterNode[];
  let stored: StoredWish | undefined;
  let isBeaten: boolean;
  let unwell: string | undefined;
  /** What machines answer; by default each obeys at once. */
  let answer: ((to: string) => Promise<UpgradeProgress>) | undefined;
  let orders: string[];
  let recorded: AuditEvent[];
  let now: number;
  const store = {
    read: () => Promise.resolve(stored),
    note: async (wish: StoredWish) => {
      if (!isBeaten) stored = wish;
      return !isBeaten;
    },
  };
  const obey = (rank: number, part: UpgradeOrder["part"]): UpgradeProgress => {
    if (part === "kubelet") nodes[rank - 1] = { ...nodes[rank - 1]!, version: NEW };
    return { state: "done", what: NEW };
  };
  const rolloutOf = (rank: number): Rollout =>
    new Rollout({
      self: nodeAt(rank).nodeId,
      nodes: () => Promise.resolve(nodes),
      unwell: () => Promise.resolve(unwell),
      pause: () => undefined,
      order: (to, { part, holders }) => {
        orders.push(`${part} of ${to.name} from ${holders.join(" ")}`);
        return answer?.(to.name) ?? Promise.resolve(obey(to.rank, part));
      },
      record: async (event) => void recorded.push(event),
      patience: 1,
      clock: { now: () => now, wallTime: () => now },
      logger: silentLogger,
    });

  beforeEach(() => {
    nodes = [1, 2, 3].map(nodeAt);
    now = 0;
    [stored, isBeaten, unwell, orders, recorded, answer] = [WISH, false, undefined, [], [], undefined];
  });

  it("has all install the package, then orders one after the other, and says first whose turn it is", async () => {
    const rollout = rolloutOf(1);
    const turns: string[] = [];
    for (let round = 0; round < 7; round += 1) {
      await rollout.round(store, signal);
      turns.push(`${stored?.machine} ${stored?.part}`);
    }
    expect(orders.slice(0, 3)).to.deep.equal([
      "package of n-1 from n-1",
      "package of n-2 from n-1",
      "package of n-3 from n-1",
    ]);
    expect(orders.slice(3)).to.deep.equal(
      [
        "control-plane of n-2",
        "control-plane of n-1",
        "kubelet of n-2",
        "kubelet of n-1",
        "kubelet of n-3",
      ].map((order) => `${order} from n-1 n-2 n-3`),
    );
    expect(turns).to.deep.equal([
      "undefined undefined",
      "n-2 control-plane",
      "n-1 control-plane",
      "n-2 kubelet",
      "n-1 kubelet",
      "n-3 kubelet",
      "n-3 kubelet",
    ]);
    expect(recorded.map((event) => event.kind === "upgrade" && event.nodeId)).to.include.members(
      [1, 2, 3].map((rank) => nodeAt(rank).nodeId),
    );
    expect((await rollout.report(stored, signal)).state).to.equal("done");
  });

  it("records who is through though the log could not be written then", async () => {
    const rollout = rolloutOf(1);
    const isThrough = (): boolean => nodes.every(({ version }) => version === NEW);
    while (!isThrough()) {
      await rollout.round(store, signal);
      recorded = [];
    }
    await rollout.round(store, signal);
    expect(recorded).to.deep.equal(
      [1, 2, 3].map((rank) => ({ kind: "upgrade", nodeId: nodeAt(rank).nodeId, version: NEW })),
    );
  });

  it("goes on with the machine that another leader began with", async () => {
    const first = rolloutOf(1);
    await first.round(store, signal);
    answer = () => Promise.resolve({ state: "working", what: "waits for its turn" });
    await first.round(store, signal);
    expect(stored).to.include({ machine: "n-2", part: "control-plane" });
    answer = undefined;
    const second = rolloutOf(2);
    orders = [];
    await second.round(store, signal);
    await second.round(store, signal);
    // It comes first: what the others have need not be known.
    expect(orders.map((order) => order.split(" from ")[0])).to.deep.equal([
      "control-plane of n-2",
      "package of n-1",
      "package of n-2",
      "package of n-3",
    ]);
  });

  it("stops where a machine says that its kubelet is through, and the kubelet never does", async () => {
    answer = async () => ({ state: "done", what: NEW });
    const rollout = rolloutOf(1);
    for (now = 0; now < 180_000; now += 5_000) await rollout.round(store, signal);
    expect(stored).to.include({ machine: "n-2", part: "kubelet" });
    expect(stored?.problem).to.equal(undefined);
    for (; stored?.problem === undefined && now < 400_000; now += 5_000) await rollout.round(store, signal);
    expect(stored?.problem).to.include("n-2: its kubelet was started, and does not tell Kubernetes so");
  });

  it("hears a failure again where the word of it was lost", async () => {
    answer = async () => ({ state: "failed", what: "no space left on device" });
    const rollout = rolloutOf(1);
    isBeaten = true;
    await rollout.round(store, signal);
    isBeaten = false;
    await rollout.round(store, signal);
    expect(stored?.problem).to.equal("n-1: no space left on device");
  });

  it("orders nothing if somebody else changed the wish meanwhile", async () => {
    const rollout = rolloutOf(1);
    await rollout.round(store, signal);
    [isBeaten, orders] = [true, []];
    await rollout.round(store, signal);
    expect(orders).to.deep.equal([]);
  });

  it("does not take silence for a failure", async () => {
    answer = () => Promise.reject(new Error("no route to host"));
    await rolloutOf(1).round(store, signal);
    expect(stored?.problem).to.equal(undefined);
  });

  it("stops at the first failure, and says of which machine", async () => {
    answer = (to) =>
      Promise.resolve(
        to === "n-2" ? { state: "failed", what: "no space left on device" } : { state: "done", what: NEW },
      );
    const rollout = rolloutOf(1);
    await rollout.round(store, signal);
    await rollout.round(store, signal);
    expect(orders).to.have.length(2);
    expect(await rollout.report(stored, signal)).to.deep.include({
      wanted: NEW,
      state: "stopped",
      what: "n-2: no space left on device",
    });
  });

  it("asks anew what machines have when another package is wanted", async () => {
    const rollout = rolloutOf(1);
    await rollout.round(store, signal);
    [stored, orders] = [{ ...WISH, sha256: "1".repeat(64) }, []];
    await rollout.round(store, signal);
    expect(orders[0]).to.equal("package of n-1 from n-1");
  });

  it("says what it waits for, and lists the machines in the order of their turns", async () => {
    const rollout = rolloutOf(1);
    await rollout.round(store, signal);
    unwell = "etcd does not answer";
    const report = await rollout.report(WISH, signal);
    expect(report).to.deep.include({ state: "waiting", what: "etcd does not answer" });
    expect(report.nodes.map(({ name }) => name)).to.deep.equal(["n-2", "n-1", "n-3"]);
    expect(await rollout.report(undefined, signal)).to.deep.include({
      state: "none",
      what: "no upgrade was asked for",
    });
  });

  it("tells on other servers, which do not know what machines said to it, how far it is", async () => {
    const rollout = rolloutOf(1);
    await rollout.round(store, signal);
    await rollout.round(store, signal);
    expect(await rolloutOf(2).report(stored, signal)).to.deep.include({
      state: "upgrading",
      what: "control plane of n-2",
    });
  });

  it("does nothing where nobody asked", async () => {
    stored = undefined;
    await rolloutOf(1).round(store, signal);
    expect(orders).to.deep.equal([]);
  });
});
