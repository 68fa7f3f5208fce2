import { expect } from "chai";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, nodeName } from "@cluster-os/identity";
import type { Distribution, EtcdMemberStatus, KubernetesStatus, NodePlacement } from "@cluster-os/kubernetes";
import { seededRng, silentLogger } from "@cluster-os/std";
import { ActRecordFile } from "../src/kubernetes/act-record.ts";
import { KubernetesController } from "../src/kubernetes/controller.ts";
import { judgeJoin } from "../src/kubernetes/credentials.ts";
import { roleAfter, type ActRecord } from "../src/kubernetes/plan.ts";
import { judgeStepDown } from "../src/kubernetes/step-down.ts";

const [self, other] = [1, 2].map((seed) => generateIdentity(seededRng(seed)).nodeId) as [never, never];
const selfName = nodeName(self);
const otherName = nodeName(other);
const { signal } = new AbortController();

/** The process was killed here. */
class Killed extends Error {}

/**
 * One machine beside one server that always answers, with its disk. `killAt` cuts the daemon at the n-th thing it does to
 * anything but its own memory; everything done before stays done.
 */
class Scene {
  kind: KubernetesStatus["kind"] = "worker";
  isVoter = false;
  /** Whether there is data of etcd here. */
  hasData = false;
  isToServe = true;
  hasSeed = false;
  /** Epochs of the roles that were told after a restoration. */
  restored = new Set<string>();
  hasQuorum = true;
  done: string[] = [];
  killAt = Infinity;
  readonly #record: ActRecordFile;

  constructor(path: string) {
    this.#record = new ActRecordFile(path);
  }

  async begin(act: ActRecord["act"]): Promise<void> {
    await this.#record.write({ act, epoch: 0, rolesEpoch: 0, isComplete: true });
    const isServer = roleAfter(act) === "server";
    Object.assign(this, {
      kind: isServer ? "server" : "worker",
      isVoter: isServer,
      hasData: isServer,
      hasSeed: isServer,
    });
  }

  /** A daemon as after its start; it runs until it is killed, or nothing changes any more. */
  async run(): Promise<void> {
    const controller = this.#controller();
    try {
      for (let round = 0; round < 8; round += 1) await controller.round(signal);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  get record(): Promise<ActRecord | undefined> {
    return this.#record.read();
  }

  #do(what: string, effect: () => void): Promise<void> {
    if (this.done.length >= this.killAt) return Promise.reject(new Killed(what));
    this.done.push(what);
    effect();
    return this.done.length >= this.killAt ? Promise.reject(new Killed(what)) : Promise.resolve();
  }

  #status(): KubernetesStatus {
    const member = (name: string): EtcdMemberStatus => ({
      name,
      address: "",
      isLearner: false,
      healthy: true,
    });
    const isServer = this.kind === "server";
    return {
      kind: this.kind,
      kubeletActive: this.kind !== "none",
      apiReady: !isServer || (this.isVoter && this.hasData),
      etcdMembers: isServer ? [member(otherName), ...(this.isVoter ? [member(selfName)] : [])] : [],
      leader: undefined,
    };
  }

  #distribution(): Distribution {
    return {
      resume: () => this.#do("resume", () => {}),
      status: () => Promise.resolve(this.#status()),
      promote: async () => {
        await this.#do("promote: files", () => (this.kind = "server"));
        await this.#do("promote: learner", () => (this.hasData = true));
        await this.#do("promote: voter", () => (this.isVoter = true));
      },
      demote: async () => {
        if (!this.hasData) throw new Error("only a server can be demoted");
        await this.#do("demote: no vote", () => (this.isVoter = false));
        await this.#do("demote: files", () => Object.assign(this, { kind: "worker", hasData: false }));
      },
      restore: async () => {
        await this.#do("restore: stopped", () => (this.hasQuorum = false));
        await this.#do("restore: made anew", () => (this.hasQuorum = true));
      },
      setAside: async () => {
        if (this.isVoter) throw new Error("its vote is counted still");
        await this.#do("set aside: data", () => (this.hasData = false));
        await this.#do("set aside: files", () => (this.kind = "worker"));
      },
    } as Partial<Distribution> as Distribution;
  }

  /** A person asks for a recovery. */
  async recover(): Promise<void> {
    const controller = this.#controller();
    void controller.restore({ id: "1000000", source: { kind: "own" } }).catch(() => undefined);
    await controller.round(signal).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
  }

  #controller(): KubernetesController {
    const record = this.#record;
    return new KubernetesController({
      distribution: this.#distribution(),
      record: {
        read: () => record.read(),
        write: (act: ActRecord) =>
          this.#do(`record ${act.act} ${act.isComplete ? "done" : "begun"}`, () => {}).finally(() =>
            record.write(act),
          ),
        remove: () => record.remove(),
      } as Pick<ActRecordFile, "read" | "write" | "remove"> as ActRecordFile,
      observe: () => ({
        self,
        isReachable: true,
        servers: this.isToServe ? [other, self] : [other],
        rolesEpoch: 1,
        epoch: 0,
        initialiser: other,
        isEstablished: true,
        readyServers: [other],
      }),
      placement: () => ({ nodeName: selfName }) as NodePlacement,
      requestCredentials: async () => {
        await this.#do("credentials", () => Object.assign(this, { hasSeed: true, isVoter: false }));
        return { distribution: "kubeadm", role: "server" } as never;
      },
      askToStepDown: async (_, wish) => {
        const isMember = this.isVoter && wish === "demote";
        await this.#do("leave to step down", () => (this.isVoter = isMember));
        return { isMember };
      },
      onChanged: () => {},
      onServerNoMore: () => this.#do("authority forgotten", () => (this.hasSeed = false)),
      onState: () => {},
      onJoined: () => Promise.resolve(),
      onRestored: ({ id }) => this.#do("roles told", () => this.restored.add(id)),
      mayBegin: () => Promise.resolve(true),
      afterInit: () => Promise.resolve(),
      maintain: () => Promise.resolve(),
      agent: { start: () => Promise.resolve(), stop: () => Promise.resolve() },
      step: () => {},
      logger: silentLogger,
    });
  }
}

describe("a change of role", () => {
  let folder = "";
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "act-"))));
  afterEach(() => rm(folder, { recursive: true }));

  const changes = [
    { name: "a worker is promoted", from: "join-worker", isToServe: true, acts: ["promote"] },
    { name: "a server is demoted", from: "promote", isToServe: false, acts: ["demote", "set-aside"] },
  ] as const;

  for (const { name, from, isToServe, acts } of changes) {
    it(`${name}, and a second look does nothing`, async () => {
      const scene = new Scene(join(folder, "act.json"));
      await scene.begin(from);
      scene.isToServe = isToServe;
      await scene.run();
      expectDone(scene, isToServe);
      expect((await scene.record)?.act).to.be.oneOf(acts);
      scene.done = [];
      await scene.run();
      expect(scene.done).to.deep.equal(["resume"]);
    });

    it(`${name} however often its daemon is killed, at every point`, async () => {
      const points = await countPoints(from, isToServe, join(folder, "act.json"));
      expect(points).to.be.greaterThan(6);
      for (let first = 1; first <= points; first += 1) {
        for (const second of [Infinity, 1, 2, 3, 4, 5]) {
          const scene = new Scene(join(folder, `act-${first}-${second}.json`));
          await scene.begin(from);
          scene.isToServe = isToServe;
          for (const killAt of [first, second, Infinity]) {
            scene.done = [];
            scene.killAt = killAt;
            await scene.run();
          }
          expectDone(scene, isToServe);
          expect(await scene.record).to.include({ isComplete: true });
        }
      }
    });
  }

  it("a recovery is carried through, at whatever point its daemon is killed", async () => {
    for (let killAt = 1; killAt <= 6; killAt += 1) {
      const scene = new Scene(join(folder, `restore-${killAt}.json`));
      await scene.begin("promote");
      scene.done = [];
      scene.killAt = killAt;
      await scene.recover();
      const isBegun = (await scene.record)?.act === "restore";
      expect(isBegun, `killed at ${killAt}`).to.equal(true);
      scene.killAt = Infinity;
      await scene.run();
      expect(await scene.record).to.include({ act: "restore", isComplete: true });
      expect([...scene.restored]).to.deep.equal(["1000000"]);
      expect(scene.hasQuorum).to.equal(true);
      scene.done = [];
      await scene.run();
      expect(scene.done).to.deep.equal(["resume"]);
    }
  });

  it("of a server that etcd has forgotten: what it was is set aside", async () => {
    const scene = new Scene(join(folder, "act.json"));
    await scene.begin("init-server");
    Object.assign(scene, { isToServe: false, isVoter: false });
    await scene.run();
    expect(scene.done).to.include("set aside: data").and.not.include("demote: no vote");
    expectDone(scene, false);
  });

  async function countPoints(from: ActRecord["act"], isToServe: boolean, path: string): Promise<number> {
    const scene = new Scene(path);
    await scene.begin(from);
    scene.isToServe = isToServe;
    await scene.run();
    return scene.done.length;
  }

  function expectDone(scene: Scene, isServer: boolean): void {
    const { kind, isVoter, hasData, hasSeed } = scene;
    expect({ kind, isVoter, hasData, hasSeed }).to.deep.equal({
      kind: isServer ? "server" : "worker",
      isVoter: isServer,
      hasData: isServer,
      hasSeed: isServer,
    });
  }
});

const member = (name: string, state: "well" | "silent" | "learner" = "well"): EtcdMemberStatus => ({
  name,
  address: "",
  isLearner: state === "learner",
  healthy: state !== "silent",
});

describe("how a server may step down", () => {
  const judge = (
    members: readonly EtcdMemberStatus[],
    servers: readonly string[],
    wish: "demote" | "set-aside" = "demote",
  ) => judgeStepDown({ name: "c", members, servers, wish }).kind;

  it("hands over while all others are well", () => {
    expect(judge([member("a"), member("b"), member("c")], ["a", "b"])).to.equal("hand-over");
  });
  it("has nothing to hand over when etcd has forgotten it, or it does not answer", () => {
    expect(judge([member("a"), member("b")], ["a", "b"])).to.equal("forgotten");
    expect(judge([member("a"), member("b"), member("c", "silent")], ["a", "b"])).to.equal("remove");
  });
  it("waits while another one does not answer: its vote is needed", () => {
    expect(judge([member("a"), member("b", "silent"), member("c")], ["a", "b"])).to.equal("wait");
  });
  it("waits for whoever takes its place", () => {
    expect(judge([member("a"), member("b"), member("c")], ["a", "b", "d"])).to.equal("wait");
    expect(judge([member("a"), member("b"), member("c"), member("d", "learner")], ["a", "b", "d"])).to.equal(
      "wait",
    );
  });
  it("waits while etcd does not answer", () => {
    expect(judge([], ["a"])).to.equal("wait");
  });
  it("is the last one only over another's dead majority: never", () => {
    expect(judge([member("c")], ["a"])).to.equal("wait");
  });
  it("takes back a promotion that got as far as a vote, when the others are well", () => {
    expect(judge([member("a"), member("b"), member("c")], ["a", "b", "c"], "set-aside")).to.equal("remove");
    expect(judge([member("a"), member("b", "silent"), member("c")], ["a", "b", "c"], "set-aside")).to.equal(
      "wait",
    );
  });
});

describe("how a machine may join etcd", () => {
  const judge = (members: readonly EtcdMemberStatus[], servers: readonly string[]) =>
    judgeJoin({ name: "d", members, servers });

  it("after those are forgotten that serve no more and do not answer", () => {
    expect(judge([member("a"), member("b"), member("c", "silent")], ["a", "b", "d"])).to.deep.equal({
      kind: "join",
      buried: ["c"],
    });
  });
  it("buries nobody that answers", () => {
    expect(judge([member("a"), member("b"), member("c")], ["a", "b", "d"])).to.deep.equal({
      kind: "join",
      buried: [],
    });
  });
  it("not while a server that is to stay does not answer", () => {
    expect(judge([member("a"), member("b", "silent"), member("c")], ["a", "b", "d"]).kind).to.equal("wait");
  });
  it("not without a majority", () => {
    expect(judge([member("a"), member("b", "silent")], ["a", "d"]).kind).to.equal("wait");
  });
});
