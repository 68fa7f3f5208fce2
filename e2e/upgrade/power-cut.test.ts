import type { ClusterStatus } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { LAB, must } from "../src/cluster-os.ts";
import {
  buildNext,
  give,
  kubeletVersions,
  NEXT,
  upgradeStatus,
  type KubernetesPackage,
} from "../src/kubernetes-upgrade.ts";
import { clusterNodes, isReady } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

describe(`a server that loses its power amid an upgrade of Kubernetes to ${NEXT}`, function () {
  this.timeout(30 * MINUTE_MS);

  const lab = new Lab({ name: LAB });
  let wanted: KubernetesPackage;
  let machines: readonly Machine[];
  let victim: Machine | undefined;

  before("three machines boot, and the package of the next version is built", async function () {
    this.timeout(40 * MINUTE_MS);
    wanted = await buildNext();
    await must(["down"]);
    await must(["up", "--nodes", "3", "--timeout", "780"]);
    machines = await lab.machines();
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("was changing its control plane", async () => {
    const [asked] = machines;
    const path = asked && (await give(asked, wanted.file));
    // It tells how far it is until all is done, or it loses its power itself: what was asked for is in the API.
    void asked?.exec(["cluster-os", "upgrade", "kubernetes", path ?? "", "--yes"]).catch(() => undefined);
    await timed("kubeadm runs", async () => (victim = await changing()) !== undefined, 10 * MINUTE_MS);
    await must(["kill", cut().name]);
  });

  it("holds the upgrade up, and the others serve", async () => {
    await timed("the others answer", async () => (await clusterNodes()).length === 3);
    expect((await upgradeStatus()).state).to.be.oneOf(["upgrading", "waiting"]);
    expect([...(await kubeletVersions()).values()]).to.not.include(wanted.version);
  });

  it("goes on where it stopped, and then the others", async () => {
    await must(["start", cut().name]);
    const isDone = async (): Promise<boolean> => (await upgradeStatus()).state === "done";
    await timed("all run it", isDone, 20 * MINUTE_MS);
    expect([...(await kubeletVersions()).values()]).to.deep.equal(Array<string>(3).fill(wanted.version));
    await timed("all Ready", async () => (await clusterNodes()).every(isReady));
    const { controlPlane } = JSON.parse(await must(["status", "-o", "json"])) as ClusterStatus;
    expect(controlPlane.voters.filter(({ healthy }) => healthy)).to.have.length(3);
    await must(["audit", "verify"]);
  });

  /** The machine on which kubeadm runs, and has said what it is about. */
  async function changing(): Promise<Machine | undefined> {
    for (const machine of machines) {
      const isAmid = ["sh", "-c", "pidof kubeadm && test -s /etc/kubernetes/pki/upgrade.json"];
      if ((await machine.exec(isAmid)).exitCode === 0) return machine;
    }
    return undefined;
  }

  function cut(): Machine {
    return victim ?? expect.fail("no server was changing");
  }
});
