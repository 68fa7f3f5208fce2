import { AuditEvent, auditSubject } from "@cluster-os/admission";
import type { Retiring } from "@cluster-os/api";
import { expect } from "chai";
import { DEFAULT_AUTOPILOT_POLICY } from "@cluster-os/election";
import { generateIdentity, nodeName, type NodeId } from "@cluster-os/identity";
import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import { seededRng, silentLogger } from "@cluster-os/std";
import { Autopilot } from "../src/server/autopilot.ts";
import { outdatedNodes } from "../src/server/outdated.ts";
import { describeAct } from "../src/server/node-events.ts";
import { eventsOf, type AutopilotAct } from "../src/server/autopilot-events.ts";
import type { Roles } from "../src/server/roles-object.ts";

const [a, b, c, d] = [1, 2, 3, 4].map((seed) => generateIdentity(seededRng(seed)).nodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];
const all = [a, b, c, d];
const { signal } = new AbortController();

/** Four machines, of which three serve, as one server's autopilot sees them. */
class Scene {
  now = 0;
  roles: Roles = { epoch: 0, servers: [a, b, c], decidedAt: 0, pause: undefined };
  /** What the protocol of this machine knows. */
  known = 0;
  silent = new Set<NodeId>();
  /** Whether somebody else writes first. */
  isBeaten = false;
  readonly kubelets = new Map<string, string>();
  signed: number[] = [];
  buried: string[] = [];
  told: AutopilotAct[] = [];
  /** What the audit log was given, each thing once, as the log itself has it. */
  readonly recorded = new Map<string, AuditEvent>();
  /** What happened, in its order. */
  readonly done: string[] = [];
  readonly autopilot = new Autopilot({
    policy: { ...DEFAULT_AUTOPILOT_POLICY, graceMs: 20_000 },
    etcdMembers: () => Promise.resolve(this.#members()),
    nodes: () =>
      all.map((nodeId, at) => ({
        nodeId,
        rank: at + 1,
        isAlive: !this.silent.has(nodeId),
        isFailed: this.silent.has(nodeId),
        isReady: true,
        isRetiring: false,
      })),
    nodeIdOf: (name) => all.find((nodeId) => nodeName(nodeId) === name),
    known: () => ({ epoch: this.known, servers: [a] }),
    publish: ({ epoch }) => {
      this.signed.push(epoch);
      this.known = epoch;
      return Promise.resolve();
    },
    bury: (name) => {
      this.buried.push(name);
      this.done.push("bury");
      return Promise.resolve();
    },
    tell: (act) => {
      this.told.push(act);
      return Promise.resolve();
    },
    record: (event) => {
      this.recorded.set(auditSubject(event), event);
      this.done.push(`record ${event.kind}`);
      return Promise.resolve();
    },
    clock: { now: () => this.now, wallTime: () => 1_700_000_000_000 + this.now },
    logger: silentLogger,
  });

  async run(seconds: number, isLeader = true): Promise<void> {
    for (let second = 0; second < seconds; second += 2) {
      this.now += 2000;
      await this.autopilot.round(this.#store(), isLeader, signal);
    }
  }

  #store() {
    return {
      retiring: () => Promise.resolve(new Map<string, Retiring>()),
      kubelets: () => Promise.resolve(this.kubelets),
      read: () => Promise.resolve(this.roles),
      decide: (next: Omit<Roles, "pause">) => {
        if (this.isBeaten) return Promise.resolve(false);
        this.roles = { ...next, pause: this.roles.pause };
        return Promise.resolve(true);
      },
    };
  }

  #members(): EtcdMemberStatus[] {
    return [a, b, c].map((nodeId) => ({
      name: nodeName(nodeId),
      address: "",
      isLearner: false,
      healthy: !this.silent.has(nodeId),
    }));
  }
}

describe("nodes whose Kubernetes is older than the servers'", () => {
  const kubelets = new Map([
    ["n-a", "v1.35.1"],
    ["n-b", "v1.34.4"],
    ["n-c", "v1.35.0"],
    ["n-d", "v1.36.0"],
    ["n-e", "v1.35.0+k3s1"],
    ["n-f", ""],
  ]);

  it("are those of an older minor version than any server", () => {
    expect([...outdatedNodes(kubelets, ["n-a", "n-b"])]).to.deep.equal(["n-b"]);
    expect([...outdatedNodes(kubelets, ["n-b"])]).to.deep.equal([]);
    expect([...outdatedNodes(kubelets, ["n-d"])]).to.deep.equal(["n-a", "n-b", "n-c", "n-e"]);
  });

  it("are none where no server says its version", () => {
    expect([...outdatedNodes(kubelets, ["n-f", "n-unknown"])]).to.deep.equal([]);
    expect([...outdatedNodes(new Map(), [])]).to.deep.equal([]);
  });
});

describe("autopilot on a server", () => {
  it("does nothing while all is well", async () => {
    const scene = new Scene();
    await scene.run(60);
    expect(scene.roles.epoch).to.equal(0);
    expect(scene.autopilot.view?.plan.reason).to.equal("the right machines serve");
  });

  it("promotes no worker whose Kubernetes is older than the servers', until it is upgraded", async () => {
    const scene = new Scene();
    for (const nodeId of [a, b, c]) scene.kubelets.set(nodeName(nodeId), "v1.35.0");
    scene.kubelets.set(nodeName(d), "v1.34.4");
    await scene.run(60);
    scene.silent.add(c);
    await scene.run(60);
    expect(scene.roles.epoch).to.equal(0);
    expect(scene.autopilot.view?.plan.reason).to.contain("runs the servers' Kubernetes yet");
    scene.kubelets.set(nodeName(d), "v1.35.0");
    await scene.run(2);
    expect(scene.roles).to.deep.include({ epoch: 1, servers: [a, b, d] });
  });

  it("replaces a lost server after its grace, in one epoch that is decided before it is signed", async () => {
    const scene = new Scene();
    await scene.run(60);
    scene.silent.add(c);
    await scene.run(20);
    expect(scene.roles.epoch).to.equal(0);
    await scene.run(4);
    expect(scene.roles).to.deep.include({ epoch: 1, servers: [a, b, d] });
    expect(scene.signed).to.deep.equal([1]);
    expect(scene.told.map(({ action }) => action.kind)).to.deep.equal(["replace"]);
    await scene.run(60);
    expect(scene.roles.epoch).to.equal(1);
  });

  it("signs nothing that etcd did not take", async () => {
    const scene = new Scene();
    scene.silent.add(c);
    scene.isBeaten = true;
    await scene.run(60);
    expect(scene.signed).to.deep.equal([]);
    expect(scene.told).to.deep.equal([]);
  });

  it("does not act while another server holds the Lease, and needs no new grace when it comes to hold it", async () => {
    const scene = new Scene();
    await scene.run(60, false);
    scene.silent.add(c);
    await scene.run(30, false);
    expect(scene.roles.epoch).to.equal(0);
    await scene.run(2, true);
    expect(scene.roles.epoch).to.equal(1);
  });

  it("teaches an etcd that was made anew from an older state what the members know", async () => {
    const scene = new Scene();
    scene.known = 1_000_000;
    await scene.run(2, false);
    expect(scene.roles.epoch).to.equal(0);
    await scene.run(2);
    expect(scene.roles).to.deep.include({ epoch: 1_000_000, servers: [a] });
    expect(scene.told).to.deep.equal([]);
  });

  it("signs what a leader decided that died before it could, whoever leads", async () => {
    const scene = new Scene();
    scene.roles = { ...scene.roles, epoch: 5, servers: [a, b, d] };
    await scene.run(2, false);
    expect(scene.signed).to.deep.equal([5]);
  });

  it("is stopped by a pause, and says so", async () => {
    const scene = new Scene();
    scene.roles = { ...scene.roles, pause: "disks are being moved" };
    scene.silent.add(c);
    await scene.run(120);
    expect(scene.roles.epoch).to.equal(0);
    expect(scene.autopilot.view?.plan.reason).to.equal("paused: disks are being moved");
  });

  it("waits anew after it slept: it does not know what it missed", async () => {
    const scene = new Scene();
    await scene.run(60);
    scene.silent.add(c);
    await scene.run(10);
    scene.now += 60_000;
    await scene.run(10);
    expect(scene.roles.epoch).to.equal(0);
  });

  it("buries who serves no more and does not answer, when nobody is to join", async () => {
    const scene = new Scene();
    scene.roles = { ...scene.roles, epoch: 1, servers: [a, b] };
    scene.silent.add(c);
    await scene.run(2);
    expect(scene.buried).to.deep.equal([nodeName(c)]);
  });
});

describe("autopilot's part of the audit log", () => {
  it("has each decision with its cause, and nothing of what genesis says", async () => {
    const scene = new Scene();
    await scene.run(60);
    expect(scene.recorded.size).to.equal(0);
    scene.silent.add(c);
    await scene.run(30);
    const [entry] = scene.recorded.values();
    expect(entry).to.deep.include({ kind: "roles", epoch: 1, servers: [a, b, d] });
    expect(entry)
      .to.have.property("cause")
      .that.matches(/^replace n-.* by n-.*: /);
    expect(scene.recorded.size).to.equal(1);
  });

  it("has what a leader decided that died at once, before the next one decides anything", async () => {
    const scene = new Scene();
    scene.roles = { ...scene.roles, epoch: 5, servers: [a, b, c, d], cause: "promote: five are wanted" };
    await scene.run(2, false);
    expect(scene.recorded.size).to.equal(0);
    await scene.run(2);
    expect([...scene.recorded.values()][0]).to.include({ epoch: 5, cause: "promote: five are wanted" });
  });

  it("has a removal before it is done: nothing would tell of it afterwards", async () => {
    const scene = new Scene();
    scene.roles = { ...scene.roles, epoch: 1, servers: [a, b] };
    scene.silent.add(c);
    await scene.run(2);
    expect(scene.done).to.deep.equal(["record roles", "record removal", "bury"]);
    expect(scene.recorded.get(`removal ${nodeName(c)} 1`)).to.include({ name: nodeName(c) });
  });

  it("takes a cause of any length", async () => {
    const scene = new Scene();
    scene.roles = { ...scene.roles, epoch: 1, cause: "x".repeat(5000) };
    await scene.run(2);
    expect(AuditEvent.safeParse([...scene.recorded.values()][0]).success).to.equal(true);
  });
});

describe("events of autopilot", () => {
  it("stand on each node that an act concerns", () => {
    const action = { kind: "replace", lost: c, nodeId: d } as const;
    const events = eventsOf({ action, reason: "it is lost", epoch: 3 });
    expect(events.map(({ node, act }) => describeAct(node, act))).to.deep.equal([
      {
        type: "Warning",
        reason: "ServerLost",
        action: "ChangeRole",
        note: `${nodeName(c)} is a control-plane server no more: it is lost (roles of epoch 3)`,
      },
      {
        type: "Normal",
        reason: "ServerChosen",
        action: "ChangeRole",
        note: `${nodeName(d)} is to become a control-plane server: it is lost (roles of epoch 3)`,
      },
    ]);
  });
});
