import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { planRestore, type RestoreObserved } from "../src/plan/restore.ts";
import { kubeadmDistribution } from "../src/drivers/index.ts";
import { CONTROL_PLANE_PODS, PATHS } from "../src/settings.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { FakeMachine } from "./fake-machine.ts";
import { nodeName, placement } from "./fixtures.ts";

const pods = [...CONTROL_PLANE_PODS];
const { signal } = new AbortController();

describe("planRestore", () => {
  const server: RestoreObserved = {
    manifests: pods,
    kept: [],
    hasSource: false,
    hasData: true,
    isRestored: false,
  };
  const cases: readonly [string, Partial<RestoreObserved>, string][] = [
    ["a server's manifests are kept first", {}, "keep-manifests"],
    ["also where some are kept already", { kept: ["etcd"] }, "keep-manifests"],
    ["then its control plane ends", { kept: pods }, "stop"],
    ["all of it", { kept: pods, manifests: ["etcd"] }, "stop"],
    ["a pod of somebody else's goes on", { kept: pods, manifests: ["their-pod"] }, "keep-source"],
    ["what is to be restored is kept before anything is moved", { kept: pods, manifests: [] }, "keep-source"],
    ["then the data goes aside", { kept: pods, manifests: [], hasSource: true }, "set-aside"],
    ["and is made anew", { kept: pods, manifests: [], hasSource: true, hasData: false }, "restore"],
    ["what was half made goes aside as well", { kept: pods, manifests: [], hasSource: true }, "set-aside"],
    ["what is made starts", { kept: pods, manifests: [], hasSource: true, isRestored: true }, "start"],
    ["and is not made twice", { isRestored: true }, "start"],
    ["a worker has nothing to restore", { manifests: [] }, "refuse"],
    ["nor has half a server", { manifests: ["etcd"] }, "refuse"],
  ];
  for (const [name, change, step] of cases)
    it(name, () => expect(planRestore({ ...server, ...change }).kind).to.equal(step));
});

/** The process was killed here. */
class Killed extends Error {}

/** A server whose driver is cut at the n-th thing that it does to the machine. */
class CutMachine extends FakeMachine {
  killAt = Infinity;
  /** Ends with the process. */
  #life = new AbortController();
  #count = 0;

  revive(killAt = Infinity): AbortSignal {
    this.#count = 0;
    this.killAt = killAt;
    this.#life = new AbortController();
    return this.#life.signal;
  }

  async #cut<T>(act: () => Promise<T>): Promise<T> {
    if (this.#count >= this.killAt) this.#life.abort(new Killed());
    this.#life.signal.throwIfAborted();
    this.#count += 1;
    return act();
  }

  get count(): number {
    return this.#count;
  }

  override run(...args: Parameters<FakeMachine["run"]>) {
    return this.#cut(async () => {
      const [{ file, args: words }] = args;
      if (file === "cp") this.files.set(words.at(-1) ?? "", `copy of ${this.files.get(words.at(-2) ?? "")}`);
      if (file === "etcdutl" && words.includes("restore")) {
        this.files.set(`${PATHS.etcdFolder}/member/snap/db`, `made of ${this.files.get(words[2] ?? "")}`);
      }
      if (file === "etcdutl") {
        this.commands.push(args[0]);
        return { exitCode: 0, stdout: "", stderr: "" };
      }
      return super.run(...args);
    });
  }

  override writeFile(...args: Parameters<FakeMachine["writeFile"]>) {
    return this.#cut(() => super.writeFile(...args));
  }

  override remove(path: string) {
    return this.#cut(() => super.remove(path));
  }

  override move(from: string, to: string) {
    return this.#cut(() => super.move(from, to));
  }
}

describe("a restoration by kubeadm's driver", () => {
  const DATA = `${PATHS.etcdFolder}/member/snap/db`;

  async function server() {
    const machine = new CutMachine(new FakeCluster(), nodeName(1), "10.86.0.1");
    const distribution = kubeadmDistribution({
      host: machine,
      clock: { now: () => performance.now(), wallTime: () => 0 },
      rng: seededRng(1),
      logger: silentLogger,
      meshInterface: "cos0",
    });
    await distribution.initServer(placement(1), signal);
    machine.files.set(DATA, "data");
    return { machine, distribution };
  }
  const manifests = (machine: FakeMachine) => machine.list(PATHS.manifests);
  const aside = (machine: FakeMachine) =>
    [...machine.files].filter(([path]) => path.startsWith("/var/lib/cluster-os/set-aside/"));

  it("makes etcd anew from its own data, and keeps what was there", async () => {
    const { machine, distribution } = await server();
    const before = await manifests(machine);
    await distribution.restore({ id: "1", source: { kind: "own" } }, signal);
    expect(machine.files.get(DATA)).to.equal("made of copy of data");
    expect(aside(machine).map(([, content]) => content)).to.deep.equal(["data"]);
    expect(await manifests(machine)).to.deep.equal(before);
    const etcdutl = machine.commands.find(({ args }) => args.includes("restore"));
    expect(etcdutl?.args).to.include.members(["--mark-compacted", "--skip-hash-check"]);
    expect(etcdutl?.args).to.include("--bump-revision=1000000000");
  });

  it("checks the hash of a snapshot", async () => {
    const { machine, distribution } = await server();
    machine.files.set("/snapshot", "snapshot");
    await distribution.restore({ id: "1", source: { kind: "snapshot", path: "/snapshot" } }, signal);
    expect(machine.files.get(DATA)).to.equal("made of copy of snapshot");
    expect(machine.commands.find(({ args }) => args.includes("restore"))?.args).to.not.include(
      "--skip-hash-check",
    );
  });

  it("is done once under one ID, and again under another", async () => {
    const { machine, distribution } = await server();
    for (const id of ["1", "1", "2"]) await distribution.restore({ id, source: { kind: "own" } }, signal);
    expect(machine.files.get(DATA)).to.equal("made of copy of made of copy of data");
  });

  it("cut off at any step and asked for again, ends the same", async () => {
    const { machine, distribution } = await server();
    const asItWas = [...machine.files];
    await distribution.restore({ id: "1", source: { kind: "own" } }, machine.revive());
    const steps = machine.count;
    expect(steps).to.be.greaterThan(15);
    for (let killAt = 0; killAt < steps; killAt += 1) {
      machine.files.clear();
      for (const [path, content] of asItWas) machine.files.set(path, content);
      const cut = await distribution
        .restore({ id: "1", source: { kind: "own" } }, machine.revive(killAt))
        .catch((error: unknown) => error);
      expect(cut, `cut at ${killAt}`).to.be.instanceOf(Error);
      await distribution.restore({ id: "1", source: { kind: "own" } }, machine.revive());
      expect(machine.files.get(DATA), `cut at ${killAt}`).to.equal("made of copy of data");
      expect(await manifests(machine)).to.have.length(4);
      expect(aside(machine).some(([, content]) => content === "data")).to.equal(true);
    }
  });
});
