import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ClusterStatus } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { delay } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { execa } from "execa";
import { clusterOs, kubectlJson, LAB, must } from "../src/cluster-os.ts";
import { buildNext, give, kubeletVersions, NEXT, upgradeStatus } from "../src/kubernetes-upgrade.ts";
import { findParts, type Parts } from "../src/machines.ts";
import { clusterNodes, isReady } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLE = join(ROOT, "docs/examples/greeter.yaml");

interface Listed<T> {
  readonly items: readonly T[];
}
interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName: string; readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

describe(`an upgrade from one minor version of Kubernetes to ${NEXT}`, function () {
  this.timeout(30 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let parts: Parts;
  let file = "";
  /** What runs after it, for example "v1.35.4". */
  let version = "";
  let earlier: readonly Pod[];
  let writer: Writer;
  /** Names of the machines on which something was down at one look, joined by spaces. */
  let changing: Set<string>;

  before("four machines boot, and the package of the next version is built", async function () {
    this.timeout(40 * MINUTE_MS);
    ({ file, version } = await buildNext());
    await must(["down"]);
    await must(["up", "--nodes", "4", "--timeout", "780"]);
    parts = await findParts(lab);
    expect(await configuration()).to.include("ControlPlaneKubeletLocalMode");
    await applyExample();
    await timed("pods run", async () => (await pod("greeter")).status.phase === "Running");
    earlier = [await pod("greeter")];
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("shows what would be done, and does nothing", async () => {
    for (const machine of parts.servers.slice(0, 1)) await give(machine, file);
    const { stdout, exitCode } = await server().exec(["cluster-os", "upgrade", "kubernetes", inside()]);
    expect(exitCode, stdout).to.equal(0);
    expect(stdout).to.include(`Kubernetes ${version}: not asked for yet`);
    expect(new Set((await kubeletVersions()).values())).to.not.include(version);
  });

  it("refuses what is no package of Kubernetes, and asks for a server on a worker", async () => {
    const other = await server().exec(["cluster-os", "upgrade", "kubernetes", "/etc/hostname", "--yes"]);
    expect(other.exitCode).to.equal(1);
    expect(other.stderr).to.include("is no Debian package");
    const worker = await parts.worker.exec(["cluster-os", "upgrade", "kubernetes", "/etc/hostname", "--yes"]);
    expect(worker.stderr).to.include("only a control-plane server does this");
  });

  it("brings every machine to it, servers first, one at a time", async () => {
    writer = new Writer();
    const order: string[] = [];
    changing = new Set();
    const watching = new AbortController();
    const watched = watch(order, watching.signal);
    const { exitCode, stdout, stderr } = await server().exec([
      "timeout",
      "1500",
      "cluster-os",
      "upgrade",
      "kubernetes",
      inside(),
      "--yes",
    ]);
    watching.abort();
    await watched;
    await writer.stop();
    console.log(stdout.replaceAll(/^/gm, "        "));
    expect(exitCode, stderr).to.equal(0);
    expect([...(await kubeletVersions()).values()]).to.deep.equal(Array<string>(4).fill(version));
    for (const atOnce of changing) expect(atOnce, "changed at the same time").to.not.include(" ");
    expect(changing, "machines that were seen to change").to.not.be.empty;
    expect(order).to.have.length(4);
    expect(order.at(-1), "the worker is the last").to.equal((await parts.worker.run(["hostname"])).trim());
  });

  it("interrupts writes through the API for no longer than a server takes to go over to another one", () => {
    const { written, failed, longestGapMs } = writer.totals;
    console.log(`        (${written} writes, ${failed} refused, longest gap ${longestGapMs.toFixed(0)} ms)`);
    expect(written).to.be.above(50);
    // Most of it is kubectl's own time on a host whose cores all four machines share.
    expect(longestGapMs).to.be.below(30_000);
  });

  it("leaves pods as they are", async () => {
    for (const { metadata, status } of earlier) {
      const now = await pod(metadata.name);
      expect(now.metadata.uid).to.equal(metadata.uid);
      expect(now.status.containerStatuses?.[0]?.restartCount).to.equal(
        status.containerStatuses?.[0]?.restartCount,
      );
    }
  });

  it("every part of the control plane is of the new version, and so is kube-proxy", async () => {
    const { items } = await kubectlJson<Listed<Pod>>("get", "pods", "--namespace=kube-system");
    const images = items.flatMap(({ spec }) => spec.containers.map(({ image }) => image));
    for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"]) {
      const found = images.filter((image) => image.includes(`/${name}:`));
      expect(found.length, name).to.be.above(2);
      for (const image of found) expect(image.split(":").at(-1)).to.equal(version);
    }
    const server = await kubectlJson<{ readonly serverVersion: { readonly gitVersion: string } }>("version");
    expect(server.serverVersion.gitVersion).to.equal(version);
  });

  it("has none of kubeadm's gates set that it does not let be set any more", async () => {
    expect(await configuration()).to.not.include("ControlPlaneKubeletLocalMode");
  });

  it("brings no cluster DNS of kubeadm's, and names are found", async () => {
    const { stdout } = await clusterOs([
      "kubectl",
      "get",
      "deployments",
      "--namespace=kube-system",
      "--output=name",
    ]);
    expect(stdout).to.not.include("deployment.apps/coredns");
    await must(["kubectl", "delete", "pod", "asker"]);
    await applyExample();
    await timed("one asks the other by name", async () => (await pod("asker")).status.phase === "Succeeded");
  });

  it("all are well, and nothing is left to do", async () => {
    await timed("all Ready", async () => (await clusterNodes()).every(isReady));
    const { controlPlane } = JSON.parse(await must(["status", "-o", "json"])) as ClusterStatus;
    expect(controlPlane.voters.filter(({ healthy }) => healthy)).to.have.length(3);
    const report = await upgradeStatus();
    expect(report).to.include({ wanted: version, state: "done" });
    await must(["audit", "verify"]);
    const told = new RegExp(`runs Kubernetes ${version}`, "g");
    await timed("the log has all of it", async () => (await must(["audit"])).match(told)?.length === 4);
  });

  it("asked for again, touches nothing", async () => {
    const pids = await Promise.all(parts.servers.map(pidsOf));
    const { exitCode } = await server().exec(["cluster-os", "upgrade", "kubernetes", inside(), "--yes"]);
    expect(exitCode).to.equal(0);
    expect(await Promise.all(parts.servers.map(pidsOf))).to.deep.equal(pids);
  });

  it("never goes back", async () => {
    const older = (await execa(process.execPath, [join(ROOT, "tools/deb/build.ts"), "cluster-os-kubernetes"]))
      .stdout;
    await give(server(), older.trim());
    const { exitCode, stderr } = await server().exec([
      "cluster-os",
      "upgrade",
      "kubernetes",
      `/root/${basename(older.trim())}`,
    ]);
    expect(exitCode).to.equal(1);
    expect(stderr).to.include("does not go back");
  });

  it("a machine that loses its power and returns is what it was", async () => {
    const [machine] = parts.servers.slice(-1) as [Machine];
    await must(["kill", machine.name]);
    await must(["start", machine.name]);
    const isServing = async (): Promise<boolean> =>
      (await machine.exec(["pidof", "kube-apiserver"])).exitCode === 0;
    await timed("its API server runs", isServing, 4 * MINUTE_MS);
    await timed("all Ready", async () => (await clusterNodes()).every(isReady), 4 * MINUTE_MS);
    expect([...(await kubeletVersions()).values()]).to.deep.equal(Array<string>(4).fill(version));
  });

  /** What kubeadm keeps of all servers in common. */
  async function configuration(): Promise<string> {
    const found = await kubectlJson<{ readonly data: { readonly ClusterConfiguration: string } }>(
      ...["get", "configmap", "kubeadm-config", "--namespace=kube-system"],
    );
    return found.data.ClusterConfiguration;
  }

  function server(): Machine {
    return parts.servers[0] ?? expect.fail("no server");
  }

  function inside(): string {
    return `/root/${basename(file)}`;
  }

  /** Notes which machine is through, in order, and with it that all before it are well. */
  async function watch(order: string[], signal: AbortSignal): Promise<void> {
    // The last look begins after the end: the last machine may have come through since the one before.
    for (let isLast = false; !isLast;) {
      isLast = signal.aborted;
      const now = await kubeletVersions().catch(() => new Map<string, string>());
      for (const [name, running] of now) if (running === version && !order.includes(name)) order.push(name);
      const down = await Promise.all([
        ...parts.servers.map((machine) => lacking(machine, "kube-apiserver")),
        ...[...parts.servers, parts.worker].map((machine) => lacking(machine, "kubelet")),
      ]);
      const names = [...new Set(down.flat())];
      if (names.length > 0) changing.add(names.join(" "));
      if (!isLast) await delay(1000);
    }
  }
});

/** The machine, while that program does not run on it. */
async function lacking(machine: Machine, program: string): Promise<readonly string[]> {
  return (await machine.exec(["pidof", program])).exitCode === 0 ? [] : [machine.name];
}

async function applyExample(): Promise<void> {
  await must(["kubectl", "apply", "--filename=-"], { input: await readFile(EXAMPLE, "utf8") });
}

async function pod(name: string): Promise<Pod> {
  return kubectlJson<Pod>("get", "pod", name);
}

async function pidsOf(machine: Machine): Promise<string> {
  return machine.run([
    "pidof",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
  ]);
}

/** Writes through the API, one write after the other, as long as it is let. */
class Writer {
  #written = 0;
  #failed = 0;
  #longestGapMs = 0;
  #isStopped = false;
  readonly #run: Promise<void>;

  constructor() {
    this.#run = this.#write();
  }

  get totals(): { readonly written: number; readonly failed: number; readonly longestGapMs: number } {
    return { written: this.#written, failed: this.#failed, longestGapMs: this.#longestGapMs };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#run;
  }

  async #write(): Promise<void> {
    await clusterOs(["kubectl", "create", "configmap", "upgrade-writes"]);
    let last = performance.now();
    while (!this.#isStopped) {
      const words = ["annotate", "--overwrite", "configmap", "upgrade-writes", `at=${this.#written}`];
      const { exitCode } = await clusterOs(["kubectl", "--request-timeout=5s", ...words]);
      if (exitCode !== 0) this.#failed += 1;
      else {
        this.#written += 1;
        this.#longestGapMs = Math.max(this.#longestGapMs, performance.now() - last);
        last = performance.now();
      }
    }
  }
}
