import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { kubeadmDistribution } from "../src/drivers/index.ts";
import type { Distribution, UpgradePart } from "../src/index.ts";
import { PATHS } from "../src/settings.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { FakeMachine } from "./fake-machine.ts";
import { nodeName, NOW, placement, server } from "./fixtures.ts";
import { expectGolden } from "./golden.ts";

const { signal } = new AbortController();
const NEW = "v1.35.4";

interface Machine {
  readonly host: FakeMachine;
  /** The driver as after a restart of bootstrap. */
  readonly open: () => Distribution;
}

/** Two servers and a worker. */
async function cluster(): Promise<{ readonly cluster: FakeCluster; readonly machines: readonly Machine[] }> {
  const fake = new FakeCluster();
  const machines = [1, 2, 3].map((index) => {
    const host = new FakeMachine(fake, nodeName(index), server(index).address);
    const open = (): Distribution =>
      kubeadmDistribution({
        host,
        clock: { now: () => 0, wallTime: () => NOW },
        rng: seededRng(index),
        logger: silentLogger,
        meshInterface: "cos0",
      });
    return { host, open };
  });
  const [first, second, third] = machines.map(({ open }) => open()) as [
    Distribution,
    Distribution,
    Distribution,
  ];
  await first.initServer(placement(1), signal);
  await second.joinServer(
    { ...placement(2, [1]), credentials: await first.credentials("server", signal) },
    signal,
  );
  await third.joinWorker(
    { ...placement(3, [1, 2]), credentials: await first.credentials("worker", signal) },
    signal,
  );
  return { cluster: fake, machines };
}

/** dpkg has put another package's files there. */
function install({ host }: Machine): void {
  host.files.set(PATHS.version, `${NEW}\n`);
  host.files.set(PATHS.program, `hyperkube ${NEW}`);
  host.trace.length = 0;
  host.commands.length = 0;
}

const kubeadmOf = ({ host }: Machine): readonly string[] =>
  host.commands.filter(({ file }) => file === "kubeadm").map(({ args }) => args.slice(0, 2).join(" "));

/** Both parts, as who drives an upgrade has them done. */
async function upgradeWhole(machine: Machine): Promise<void> {
  await machine.open().upgrade("control-plane", signal);
  await machine.open().upgrade("kubelet", signal);
}

describe("an upgrade by kubeadm's driver", () => {
  it("changes nothing that runs when the package is installed, not even when the kubelet starts anew", async () => {
    const { machines } = await cluster();
    const [first] = machines as [Machine];
    install(first);
    await first.open().resume(placement(1), signal);
    expect(first.host.kubelet).to.equal("hyperkube v1.34.4");
    expect(await first.open().versions()).to.deep.equal({
      installed: NEW,
      controlPlane: "v1.34.4",
      kubelet: "v1.34.4",
    });
  });

  it("has the first server change what all have in common, and every other machine follow", async () => {
    const { cluster: fake, machines } = await cluster();
    for (const machine of machines) {
      install(machine);
      await upgradeWhole(machine);
    }
    expect(machines.map(kubeadmOf)).to.deep.equal([
      ["upgrade apply", "upgrade node"],
      ["upgrade node", "upgrade node"],
      ["upgrade node"],
    ]);
    expect(fake.version).to.equal(NEW);
    expect(fake.gates).to.deep.equal({ NodeLocalCRISocket: true });
    for (const { host } of machines) expect(host.kubelet).to.equal(`hyperkube ${NEW}`);
    for (const [at, name] of ["server", "next-server", "worker"].entries())
      expectGolden(`steps/upgrade-${name}.txt`, `${machines[at]?.host.trace.join("\n")}\n`);
    const versions = await Promise.all(machines.map(({ open }) => open().versions()));
    const server = { installed: NEW, controlPlane: NEW, kubelet: NEW };
    expect(versions).to.deep.equal([server, server, { ...server, controlPlane: undefined }]);
  });

  it("leaves the kubelet as it is with the control plane, and the other way round", async () => {
    const { machines } = await cluster();
    const [first, , worker] = machines as [Machine, Machine, Machine];
    install(first);
    await first.open().upgrade("control-plane", signal);
    expect(first.host.kubelet).to.equal("hyperkube v1.34.4");
    install(worker);
    await worker.open().upgrade("control-plane", signal);
    expect(worker.host.trace).to.deep.equal([]);
  });

  it("does nothing where it was done", async () => {
    const { machines } = await cluster();
    for (const machine of machines) {
      install(machine);
      await upgradeWhole(machine);
      machine.host.trace.length = 0;
      await upgradeWhole(machine);
      expect(machine.host.trace).to.deep.equal([]);
    }
  });

  it("goes on wherever it stopped, as the same kind of act, and the end is the same", async () => {
    const whole = await cluster();
    const [machine] = whole.machines as [Machine];
    install(machine);
    await upgradeWhole(machine);
    const commands = machine.host.commands.length;
    expect(commands).to.be.above(3);
    for (let cut = 1; cut <= commands; cut += 1) {
      const { machines } = await cluster();
      const [first] = machines as [Machine];
      install(first);
      const stop = new AbortController();
      first.host.afterCommand = (count) => count === cut && stop.abort(new Error("power"));
      const cutOff = (part: UpgradePart): Promise<void> =>
        first
          .open()
          .upgrade(part, stop.signal)
          .catch(() => undefined);
      await cutOff("control-plane");
      const isInKubelet = !stop.signal.aborted;
      if (!stop.signal.aborted) await cutOff("kubelet");
      first.host.afterCommand = () => undefined;
      await first.open().upgrade("control-plane", signal);
      expect(kubeadmOf(first)[0]).to.equal("upgrade apply");
      // Not even once the cluster says that it has the new version: what only the first server does may be half done.
      const ofControlPlane = kubeadmOf(first).slice(0, isInKubelet ? 1 : undefined);
      expect(new Set(ofControlPlane)).to.deep.equal(new Set(["upgrade apply"]));
      await first.open().upgrade("kubelet", signal);
      expect(kubeadmOf(first).at(-1)).to.equal("upgrade node");
      expect(first.host.kubelet).to.equal(`hyperkube ${NEW}`);
      expect([...first.host.files].sort()).to.deep.equal([...machine.host.files].sort());
    }
  });

  it("leaves the kubelet what it is when kubeadm fails, and says where more is to be read", async () => {
    const { machines } = await cluster();
    const [first] = machines as [Machine];
    install(first);
    first.host.failing.push("kubeadm upgrade");
    for (const part of ["control-plane", "kubelet"] as const) {
      const failure: unknown = await first
        .open()
        .upgrade(part, signal)
        .catch((error: unknown) => error);
      expect(failure)
        .to.be.instanceOf(Error)
        .with.property("message")
        .that.includes(`kubeadm-upgrade-${part}.log`);
    }
    expect(first.host.files.get(PATHS.kubelet)).to.equal("hyperkube v1.34.4");
    expect(first.host.trace.join("\n")).to.not.include("restart kubelet.service");
  });

  it("never goes back, not even where only a control plane is newer than the package", async () => {
    const { machines } = await cluster();
    const [first] = machines as [Machine];
    install(first);
    await first.open().upgrade("control-plane", signal);
    first.host.files.set(PATHS.version, "v1.34.9\n");
    first.host.commands.length = 0;
    for (const part of ["control-plane", "kubelet"] as const) {
      const said = await first
        .open()
        .upgrade(part, signal)
        .then(() => "nothing", String);
      expect(said).to.include("v1.35.4 runs here, and the package brings v1.34.9");
    }
    expect(first.host.commands).to.deep.equal([]);
  });

  it("is forgotten by a reset: the next cluster's kubelet is what the package brings", async () => {
    const { machines } = await cluster();
    const [, , worker] = machines as [Machine, Machine, Machine];
    install(worker);
    await worker.open().reset(signal);
    expect(await worker.open().versions()).to.deep.include({ installed: NEW, kubelet: undefined });
  });
});
