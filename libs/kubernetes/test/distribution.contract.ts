import { expect } from "chai";
import type { Distribution, KubernetesStatus, NodePlacement } from "../src/index.ts";

/** Machines on which a distribution can be tried: fake ones in unit tests, real ones where a binary is given. */
export interface DistributionFixture {
  /** The distribution on the machine with this index, 1 or more. */
  machine(index: number): Distribution;
  placement(index: number, servers: readonly number[]): NodePlacement;
  /** The machine loses power and does not come back. */
  kill(index: number): Promise<void>;
}

/** What every distribution promises, whatever it is made of. */
export function describeDistribution(name: string, open: () => Promise<DistributionFixture>): void {
  describe(`${name} as a distribution`, () => {
    const { signal } = new AbortController();
    let fixture: DistributionFixture;
    beforeEach(async () => void (fixture = await open()));

    const status = (index: number): Promise<KubernetesStatus> => fixture.machine(index).status(signal);
    const voters = async (index: number): Promise<readonly string[]> =>
      (await status(index)).etcdMembers.filter(({ isLearner }) => !isLearner).map((member) => member.name);
    const nodeNames = (...indexes: readonly number[]): readonly string[] =>
      indexes.map((index) => fixture.placement(index, []).nodeName);

    async function join(index: number, role: "server" | "worker", servers: readonly number[]): Promise<void> {
      const credentials = await fixture.machine(servers[0] as number).credentials(role, signal);
      const request = { ...fixture.placement(index, servers), credentials };
      if (role === "server") await fixture.machine(index).joinServer(request, signal);
      else await fixture.machine(index).joinWorker(request, signal);
    }

    async function threeServers(): Promise<void> {
      await fixture.machine(1).initServer(fixture.placement(1, []), signal);
      await join(2, "server", [1]);
      await join(3, "server", [1, 2]);
      for (const index of [1, 2, 3])
        await fixture.machine(index).setServers(fixture.placement(index, [1, 2, 3]));
    }

    it("is nothing at first", async () => {
      expect(await status(1)).to.include({ kind: "none", kubeletActive: false, apiReady: false });
    });

    it("makes three servers, all of them voters", async () => {
      await threeServers();
      expect(await voters(1)).to.have.members(nodeNames(1, 2, 3));
      for (const index of [1, 2, 3])
        expect(await status(index)).to.include({ kind: "server", apiReady: true });
    });

    it("gives a worker nothing of a server", async () => {
      await threeServers();
      const credentials = await fixture.machine(2).credentials("worker", signal);
      expect(credentials).to.have.all.keys("distribution", "role", "token", "caCertificate");
      await join(4, "worker", [1, 2, 3]);
      expect(await status(4)).to.include({ kind: "worker", kubeletActive: true, apiReady: true });
      expect(await voters(1)).to.have.length(3);
    });

    it("mints a worker's credentials anew for every act", async () => {
      await fixture.machine(1).initServer(fixture.placement(1, []), signal);
      const first = await fixture.machine(1).credentials("worker", signal);
      const second = await fixture.machine(1).credentials("worker", signal);
      expect(second).to.not.deep.equal(first);
      expect({ ...second, token: "" }).to.deep.equal({ ...first, token: "" });
    });

    it("refuses credentials of another distribution, and says what to do", async () => {
      await threeServers();
      const credentials = await fixture.machine(1).credentials("worker", signal);
      const other = credentials.distribution === "k3s" ? "kubeadm" : "k3s";
      const request = { ...fixture.placement(4, [1]), credentials: { ...credentials, distribution: other } };
      const refusal = await fixture
        .machine(4)
        .joinWorker(request as typeof request & { credentials: typeof credentials }, signal)
        .catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(Error).with.property("message").that.includes(`kubernetes: ${other}`);
    });

    it("makes no server out of a worker's credentials", async () => {
      await threeServers();
      const credentials = await fixture.machine(1).credentials("worker", signal);
      const request = { ...fixture.placement(4, [1, 2, 3]), credentials };
      const refusal = await fixture
        .machine(4)
        .joinServer(request, signal)
        .catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(Error).with.property("name", "KubernetesError");
    });

    it("promotes a worker and demotes it again", async () => {
      await threeServers();
      await join(4, "worker", [1, 2, 3]);
      const credentials = await fixture.machine(1).credentials("server", signal);
      await fixture.machine(4).promote({ ...fixture.placement(4, [1, 2, 3]), credentials }, signal);
      expect(await voters(1)).to.have.members(nodeNames(1, 2, 3, 4));
      await fixture.machine(4).demote(signal);
      expect(await voters(1)).to.have.members(nodeNames(1, 2, 3));
      expect(await status(4)).to.include({ kind: "worker", kubeletActive: true, apiReady: true });
    });

    it("demotes the leader, and refuses to demote the last server", async () => {
      await fixture.machine(1).initServer(fixture.placement(1, []), signal);
      const refusal = await fixture
        .machine(1)
        .demote(signal)
        .catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(Error).with.property("message").that.includes("no other server");
      await join(2, "server", [1]);
      await fixture.machine(1).setServers(fixture.placement(1, [1, 2]));
      await fixture.machine(1).demote(signal);
      expect(await voters(2)).to.have.members(nodeNames(2));
      expect((await status(2)).leader).to.equal(nodeNames(2)[0]);
    });

    it("replaces a server that is gone for good", async () => {
      await threeServers();
      await fixture.kill(3);
      for (const index of [1, 2]) await fixture.machine(index).setServers(fixture.placement(index, [1, 2]));
      const name3 = nodeNames(3)[0] as string;
      await fixture.machine(1).removeMember(name3, signal);
      await fixture.machine(1).removeMember(name3, signal);
      await join(4, "server", [1, 2]);
      expect(await voters(2)).to.have.members(nodeNames(1, 2, 4));
    });

    it("takes a vote away and leaves the machine in Kubernetes", async () => {
      await threeServers();
      await join(4, "worker", [1, 2, 3]);
      const credentials = await fixture.machine(1).credentials("server", signal);
      await fixture.machine(4).promote({ ...fixture.placement(4, [1, 2, 3]), credentials }, signal);
      const name4 = nodeNames(4)[0] as string;
      await fixture.machine(1).removeVoter(name4, signal);
      await fixture.machine(1).removeVoter(name4, signal);
      expect(await voters(1)).to.have.members(nodeNames(1, 2, 3));
    });

    it("sets a removed server's state aside, and can be promoted again", async () => {
      await threeServers();
      await fixture.machine(1).removeVoter(nodeNames(3)[0] as string, signal);
      await fixture.machine(3).setAside(signal);
      await fixture.machine(3).setAside(signal);
      const { kind } = await status(3);
      expect(kind).to.be.oneOf(["worker", "none"]);
      expect(await voters(1)).to.have.members(nodeNames(1, 2));
      const credentials = await fixture.machine(1).credentials("server", signal);
      const request = { ...fixture.placement(3, [1, 2]), credentials };
      if (kind === "worker") await fixture.machine(3).promote(request, signal);
      else await fixture.machine(3).joinServer(request, signal);
      expect(await voters(1)).to.have.members(nodeNames(1, 2, 3));
    });

    it("gives its vote back before it is wiped", async () => {
      await threeServers();
      const { servers } = fixture.placement(3, [1, 2, 3]);
      await fixture.machine(3).withdraw(servers, signal);
      await fixture.machine(3).withdraw(servers, signal);
      await fixture.machine(3).reset(signal);
      expect(await voters(1)).to.have.members(nodeNames(1, 2));
    });

    it("keeps its vote while no other voter consents", async () => {
      await threeServers();
      await fixture.kill(1);
      await fixture.kill(2);
      const refusal = await fixture
        .machine(3)
        .withdraw(fixture.placement(3, [1, 2, 3]).servers, signal)
        .catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(Error).with.property("message").that.includes("is not wiped");
      expect(await voters(3)).to.include(nodeNames(3)[0]);
    });

    it("keeps its vote while the others would be no majority without it", async () => {
      await threeServers();
      await fixture.kill(1);
      const refusal = await fixture
        .machine(3)
        .withdraw(fixture.placement(3, [1, 2, 3]).servers, signal)
        .catch((error: unknown) => error);
      expect(refusal)
        .to.be.instanceOf(Error)
        .with.property("message")
        .that.includes("no majority without it");
      expect(await voters(2)).to.have.members(nodeNames(1, 2, 3));
    });

    it("has no vote to give back that is none of others'", async () => {
      const { servers } = fixture.placement(4, [1, 2, 3]);
      await fixture.machine(4).withdraw(servers, signal);
      await threeServers();
      await join(4, "worker", [1, 2, 3]);
      await fixture.machine(4).withdraw(servers, signal);
      expect(await voters(1)).to.have.members(nodeNames(1, 2, 3));
    });

    it("begins again after a reset", async () => {
      await fixture.machine(1).initServer(fixture.placement(1, []), signal);
      await fixture.machine(1).reset(signal);
      expect(await status(1)).to.include({ kind: "none", kubeletActive: false });
      await fixture.machine(1).reset(signal);
      await fixture.machine(1).initServer(fixture.placement(1, []), signal);
      expect(await status(1)).to.include({ kind: "server", apiReady: true });
    });

    it("resumes what it was, and only that", async () => {
      const refusal = await fixture
        .machine(1)
        .resume(fixture.placement(1, []), signal)
        .catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(Error).with.property("message").that.includes("nothing to resume");
      await fixture.machine(1).initServer(fixture.placement(1, []), signal);
      await fixture.machine(1).resume(fixture.placement(1, [1]), signal);
      expect(await status(1)).to.include({ kind: "server", kubeletActive: true });
    });
  });
}
