import { Lab, type Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { clusterOs, kubectlJson, LAB, must } from "../src/cluster-os.ts";
import { findParts, type Parts } from "../src/machines.ts";
import { clusterNodes, isReady, nodeNameOf } from "../src/nodes.ts";
import { MINUTE_MS, timed } from "../src/scenario.ts";

const BOOTSTRAP = "cluster-os-bootstrap";

describe("a machine that is revoked", function () {
  this.timeout(5 * MINUTE_MS);
  // What comes later needs what came before.
  this.bail(true);

  const lab = new Lab({ name: LAB });
  let parts: Parts;
  let revoked = "";
  let publicKey = "";

  before("four machines boot", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    await must(["up", "--nodes", "4", "--timeout", "780"]);
    parts = await findParts(lab);
    revoked = await nodeNameOf(parts.worker.number);
    publicKey = (await parts.worker.run(["wg", "show", "cos0", "public-key"])).trim();
  });

  after(async function () {
    this.timeout(2 * MINUTE_MS);
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  it("refuses to revoke anybody itself, and names who does", async () => {
    const { exitCode, stderr } = await parts.worker.exec(["cluster-os", "revoke", revoked]);
    expect(exitCode).to.equal(1);
    expect(stderr).to.include("only a control-plane server does this");
  });

  it("is out of gossip and of every WireGuard device within seconds", async () => {
    await must(["revoke", revoked]);
    await timed(
      "out everywhere",
      async () => (await isMember(revoked)) === false && !(await isPeer(publicKey)),
      10_000,
    );
  });

  it("has no rights in Kubernetes, no Node and no ClusterNode any more", async () => {
    await timed("no Node", async () => !(await namesOf("nodes")).includes(revoked));
    await timed("no ClusterNode", async () => !(await namesOf("clusternodes")).includes(revoked));
    const bindings = await namesOf("rolebindings.rbac.authorization.k8s.io", "--all-namespaces");
    expect(bindings.filter((name) => name.includes(revoked))).to.deep.equal([]);
  });

  it("knows it, and its work has ended", async () => {
    const says = async () => (await parts.worker.exec(["cluster-os", "status"])).stdout;
    await timed("it knows", async () => (await says()).includes("this node was revoked"));
    await timed("its kubelet is off", async () => {
      return (await parts.worker.exec(["systemctl", "is-active", "kubelet"])).stdout.trim() !== "active";
    });
  });

  it("never holds a later ring key: the others have one", async () => {
    const isRotated = async (): Promise<boolean> => {
      const { number, stage, members } = await keyStatus();
      return number > 1 && stage === "active" && members.every(({ isNewest }) => isNewest);
    };
    await timed("another ring key", isRotated);
    expect((await keyStatus()).members.map(({ name }) => name)).to.not.include(revoked);
  });

  it("stays out when everything restarts", async () => {
    for (const machine of [...parts.servers, parts.worker])
      await machine.run(["systemctl", "restart", BOOTSTRAP]);
    await timed("the others are one cluster again", async () => {
      const { exitCode, stdout } = await clusterOs(["members", "-o", "json"]);
      if (exitCode !== 0) return false;
      const members = JSON.parse(stdout) as readonly { readonly name: string; readonly status: string }[];
      return members.filter(({ status }) => status === "healthy").length === parts.servers.length;
    });
    expect(await isMember(revoked)).to.equal(false);
    expect(await isPeer(publicKey)).to.equal(false);
  });

  describe("with a fresh identity and the old stick", () => {
    let fresh = "";

    it("waits, and is let in by nobody but a person", async () => {
      const { worker } = parts;
      await worker.run(["systemctl", "stop", BOOTSTRAP]);
      await worker.run([
        "find",
        "/var/lib/cluster-os",
        "-mindepth",
        "1",
        "-maxdepth",
        "1",
        ...WITHOUT_RUNTIME,
      ]);
      await worker.run(["systemctl", "start", BOOTSTRAP]);
      await timed("it has another name", async () => (await nodeNameOf(worker.number)) !== revoked);
      fresh = await nodeNameOf(worker.number);
      await timed("it waits", async () => (await pending()).some(({ name }) => name === fresh));
      expect(await isMember(fresh)).to.equal(false);
    });

    it("is let in when somebody approves it", async () => {
      await must(["approve", fresh]);
      await timed("a member", () => isMember(fresh));
      await timed("Ready", async () => {
        const nodes = await clusterNodes();
        return nodes.length === 4 && nodes.every(isReady);
      });
    });

    it("all of it is in the audit log, which is whole", async () => {
      const entries = JSON.parse(await must(["audit", "-o", "json"])) as readonly { readonly kind: string }[];
      expect(entries[0]?.kind).to.equal("genesis");
      expect(entries.map(({ kind }) => kind)).to.include.members(["revocation", "admission"]);
      expect(await must(["audit", "verify"])).to.include("the log is whole");
    });
  });

  /** Whether it is a member in the eyes of any of the others. */
  async function isMember(name: string): Promise<boolean> {
    const views = await Promise.all(parts.servers.map((server) => membersOf(server)));
    return views.some((members) => members.some((one) => one.name === name && one.status !== "removed"));
  }

  async function isPeer(key: string): Promise<boolean> {
    const peers = await Promise.all(
      parts.servers.map((server) => server.run(["wg", "show", "cos0", "peers"])),
    );
    return peers.some((list) => list.includes(key));
  }
});

/** What a person removes to make it another node; its container images may stay. */
const WITHOUT_RUNTIME = ["-exec", "rm", "-rf", "--one-file-system", "{}", "+"];

async function membersOf(
  machine: Machine,
): Promise<readonly { readonly name: string; readonly status: string }[]> {
  const { exitCode, stdout } = await machine.exec(["cluster-os", "members", "-o", "json"]);
  return exitCode === 0 ? (JSON.parse(stdout) as { name: string; status: string }[]) : [];
}

async function namesOf(...what: readonly string[]): Promise<readonly string[]> {
  const { items } = await kubectlJson<{ items: { metadata: { name: string } }[] }>("get", ...what);
  return items.map(({ metadata }) => metadata.name);
}

interface KeyStatus {
  readonly number: number;
  readonly stage: string;
  readonly members: readonly { readonly name: string; readonly isNewest: boolean }[];
}

async function keyStatus(): Promise<KeyStatus> {
  return JSON.parse(await must(["key", "status", "-o", "json"])) as KeyStatus;
}

async function pending(): Promise<readonly { readonly name: string }[]> {
  const { exitCode, stdout } = await clusterOs(["pending", "-o", "json"]);
  return exitCode === 0 ? (JSON.parse(stdout) as { name: string }[]) : [];
}
