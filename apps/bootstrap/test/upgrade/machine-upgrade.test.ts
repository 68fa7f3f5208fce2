import { UpgradeProgress, type UpgradeOrder } from "@cluster-os/api";
import { decodeCbor, encodeCbor, type NodeId } from "@cluster-os/identity";
import { describeError, silentLogger } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import type { RenewalSlot } from "../../src/kubernetes/renewal.ts";
import { MachineUpgrade, UPGRADE_TOPIC } from "../../src/upgrade/machine-upgrade.ts";

const { signal } = new AbortController();
const SERVER = `ed25519:${"a".repeat(64)}` as NodeId;
const ORDER: UpgradeOrder = {
  part: "control-plane",
  version: "v1.35.4",
  sha256: "0".repeat(64),
  ask: "today",
  holders: ["n-a"],
};

describe("an upgrade of this machine", () => {
  let now: number;
  let installed: string;
  let controlPlane: string | undefined;
  let kubelet: string;
  let brings: string;
  let turn: Awaited<ReturnType<RenewalSlot["take"]>>;
  let failure: Error | undefined;
  /** Of the next tries to install the package. */
  let installFailures: Error[];
  let isWhole: boolean;
  let isHeard: boolean;
  let done: string[];
  let machine: MachineUpgrade;

  function start(): void {
    machine = new MachineUpgrade({
      distribution: {
        versions: () => Promise.resolve({ installed, controlPlane, kubelet }),
        loadImages: async () => void done.push("images are there"),
        upgrade: async (part) => {
          done.push(`upgraded ${part}`);
          if (failure) throw failure;
          if (part === "kubelet") kubelet = installed;
          else controlPlane = installed;
        },
      },
      packages: {
        get: async (_sha256, holders) => {
          done.push(`fetched from ${holders.map(({ name }) => name).join(" ")}`);
          return "/package.deb";
        },
      },
      manager: {
        versionIn: () => Promise.resolve(brings),
        isInstalled: () => Promise.resolve(isWhole),
        install: async () => {
          done.push("installed");
          installed = brings;
          const cut = installFailures.shift();
          isWhole = cut === undefined;
          if (cut) throw cut;
        },
      },
      slot: {
        take: async () => turn,
        giveBack: async () => {
          if (!isHeard) throw new Error("nobody hears");
          done.push("given back");
        },
      },
      holders: (names) => names.map((name) => ({ name, nodeId: SERVER, address: "" })),
      isServer: (nodeId) => nodeId === SERVER,
      retryMs: 0,
      clock: { now: () => now, wallTime: () => now },
      step: (name) => done.push(name),
      logger: silentLogger,
    });
  }

  beforeEach(() => {
    [now, installed, brings] = [0, "v1.34.4", "v1.35.4"];
    [controlPlane, kubelet] = ["v1.34.4", "v1.34.4"];
    [turn, failure, isHeard, done] = ["taken", undefined, true, []];
    [installFailures, isWhole] = [[], true];
    start();
  });

  const word = async (change: Partial<UpgradeOrder> = {}): Promise<string> => {
    const { state, what } = await machine.order({ ...ORDER, ...change });
    return `${state}: ${what}`;
  };
  const until = async (wanted: string, change: Partial<UpgradeOrder> = {}): Promise<void> => {
    const isThere = async (): Promise<boolean> => (await word(change)).startsWith(wanted);
    await waitFor(isThere, { what: wanted, timeoutMs: 5_000, everyMs: 1, signal });
  };
  const prepared = (): Promise<void> => until("working: waits for its turn");
  const count = (what: string): number => done.filter((one) => one === what).length;

  it("fetches, installs, waits for its turn, upgrades, and gives its turn back", async () => {
    expect(await word()).to.equal("working: fetches and installs the package");
    await prepared();
    expect(machine.isPending).to.equal(true);
    turn = "another machine has its turn";
    await machine.round(true, signal);
    expect(await word()).to.equal("working: waits until no other machine changes the control plane");
    turn = "taken";
    await machine.round(true, signal);
    expect(await word()).to.equal("done: v1.35.4");
    expect(done).to.deep.equal([
      "fetched from n-a",
      "installed",
      "images are there",
      "upgraded control-plane",
      "control-plane upgraded to v1.35.4",
      "given back",
    ]);
    expect(machine.isPending).to.equal(false);
  });

  it("only installs where that is asked for", async () => {
    await until("done", { part: "package" });
    expect(done).to.deep.equal(["fetched from n-a", "installed", "images are there"]);
    expect(machine.isPending).to.equal(false);
  });

  it("takes no turn on a worker, which is through with a control plane that it has not", async () => {
    controlPlane = undefined;
    turn = "another machine has its turn";
    await until("done", { part: "package" });
    expect(await word()).to.equal("done: v1.35.4");
    await until("working: waits for its turn", { part: "kubelet" });
    await machine.round(false, signal);
    expect(await word({ part: "kubelet" })).to.equal("done: v1.35.4");
    expect(done).to.not.include("given back");
  });

  it("installs nothing that is there already, after a restart for example", async () => {
    await prepared();
    start();
    await prepared();
    await machine.round(true, signal);
    expect(count("installed")).to.equal(1);
    expect(await word()).to.equal("done: v1.35.4");
  });

  it("says that all is well by what there is, and not by what it remembers", async () => {
    [installed, controlPlane, kubelet] = ["v1.35.4", "v1.35.4", "v1.34.4"];
    expect(await word()).to.equal("done: v1.35.4");
    expect(await word({ part: "kubelet" })).to.include("working");
  });

  it("has a package only once its images are there, and dpkg is through with it", async () => {
    [installed, isWhole] = ["v1.35.4", false];
    await until("done", { part: "package" });
    expect(done).to.deep.equal(["fetched from n-a", "installed", "images are there"]);
    [isWhole, done] = [true, []];
    start();
    await until("done", { part: "package" });
    expect(done).to.deep.equal(["images are there"]);
  });

  it("tries three times to install the package: dpkg may be at work for somebody else", async () => {
    installFailures = [1, 2].map(() => new Error("the lock is held"));
    await until("done", { part: "package" });
    expect(count("installed")).to.equal(3);
  });

  it("gives the package up after that, and says why", async () => {
    installFailures = [1, 2, 3].map(() => new Error("no space left on device"));
    await until("failed: no space left on device", { part: "package" });
    expect(count("installed")).to.equal(3);
  });

  it("tries three times, keeps its turn meanwhile, and says why it gave up until somebody asks anew", async () => {
    failure = new Error("the API server does not answer");
    await prepared();
    await machine.round(true, signal);
    await machine.round(true, signal);
    expect(await word()).to.equal("working: tries again: the API server does not answer");
    expect(done).not.to.include("given back");
    await machine.round(true, signal);
    expect(count("upgraded control-plane")).to.equal(3);
    expect(done.at(-1)).to.equal("given back");
    failure = undefined;
    for (let hearing = 0; hearing < 2; hearing += 1)
      expect(await word()).to.equal("failed: the API server does not answer");
    await until("working: waits for its turn", { ask: "tomorrow" });
    await machine.round(true, signal);
    expect(await word({ ask: "tomorrow" })).to.include("done");
  });

  it("does not install a package that brings something else", async () => {
    brings = "v1.36.0";
    await until("failed: the package brings v1.36.0, and not v1.35.4");
    expect(done).not.to.include("installed");
  });

  it("goes on without a turn only when its API was away for as long as any other machine's turn lasts", async () => {
    turn = "unreachable";
    await prepared();
    await machine.round(true, signal);
    expect(await word()).to.equal("working: waits for its own API server");
    now = 179_000;
    await machine.round(true, signal);
    expect(done).not.to.include("upgraded control-plane");
    now = 180_000;
    await machine.round(true, signal);
    expect(done).to.include("upgraded control-plane");
  });

  it("owes its turn until somebody hears that it is over, or it is over by itself", async () => {
    isHeard = false;
    await prepared();
    await machine.round(true, signal);
    expect(machine.isPending).to.equal(true);
    await machine.round(true, signal);
    expect(machine.isPending).to.equal(true);
    now = 180_000;
    await machine.round(true, signal);
    expect(machine.isPending).to.equal(false);
  });

  it("is ordered by a control-plane server alone", async () => {
    const handler = machine.handlers[UPGRADE_TOPIC]!;
    const refusal = await handler(`ed25519:${"b".repeat(64)}` as NodeId, encodeCbor(ORDER), signal).then(
      () => "none",
      describeError,
    );
    expect(refusal).to.include("only a control-plane server has Kubernetes upgraded");
    const answer = UpgradeProgress.parse(decodeCbor(await handler(SERVER, encodeCbor(ORDER), signal)));
    expect(answer.state).to.equal("working");
  });
});
