import type { AuditEvent } from "@cluster-os/admission";
import { expect } from "chai";
import { generateIdentity, nodeName, type NodeId } from "@cluster-os/identity";
import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import { seededRng } from "@cluster-os/std";
import { askForCredentials, credentialsHandler } from "../src/kubernetes/credentials.ts";
import { askToStepDown, stepDownHandler } from "../src/kubernetes/step-down.ts";
import type { PeerApiClient } from "../src/peer-api/client.ts";

const [a, b, c, d] = [1, 2, 3, 4].map((seed) => generateIdentity(seededRng(seed)).nodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
];
const { signal } = new AbortController();
const COMMON = { token: "abcdef.0123456789abcdef", caCertificate: "-----BEGIN CERTIFICATE-----\n" };
const SEED = new Uint8Array(32).fill(7);

/** A ready server, and another machine that asks it. */
class Scene {
  servers = [a, b, d];
  rolesEpoch = 1;
  silent = [nodeName(c)];
  isSlotFree = true;
  readonly done: string[] = [];
  readonly recorded: AuditEvent[] = [];

  readonly #options = {
    distribution: {
      removeMember: (name: string) => this.#note(`remove ${this.#letter(name)}`),
      removeVoter: (name: string) => this.#note(`no vote for ${this.#letter(name)}`),
      credentials: (role: "server" | "worker") =>
        Promise.resolve(
          role === "worker"
            ? { distribution: "kubeadm" as const, role, ...COMMON }
            : {
                ...{ distribution: "kubeadm" as const, role, ...COMMON },
                ...{ certificateKey: "0".repeat(64), secretsKey: Buffer.alloc(32).toString("base64") },
              },
        ),
    },
    slot: () => ({ tryTake: () => Promise.resolve(this.isSlotFree) }),
    members: () => Promise.resolve([a, b, c].map((nodeId) => this.#member(nodeName(nodeId)))),
    epoch: () => 0,
    rolesEpoch: () => 1,
    servers: () => this.servers,
    authoritySeed: () => SEED,
    record: (event: AuditEvent) => Promise.resolve(void this.recorded.push(event)),
  };

  ask(role: "server" | "worker", act: "join" | "promote") {
    const handle = credentialsHandler(this.#options);
    const peers = { ask: ({ body }) => handle(d, body, signal) } as Pick<
      PeerApiClient,
      "ask"
    > as PeerApiClient;
    const request = { role, act, epoch: 0, rolesEpoch: this.rolesEpoch };
    return askForCredentials({ peers, from: a, address: "10.86.0.1", request, signal });
  }

  stepDown(from: NodeId, wish: "demote" | "set-aside" = "demote") {
    const handle = stepDownHandler(this.#options);
    const peers = { ask: ({ body }) => handle(from, body, signal) } as Pick<PeerApiClient, "ask">;
    return askToStepDown({ peers, from: a, address: "10.86.0.1", rolesEpoch: this.rolesEpoch, wish, signal });
  }

  #member(name: string): EtcdMemberStatus {
    return { name, address: "", isLearner: false, healthy: !this.silent.includes(name) };
  }

  #letter(name: string): string {
    return "abcd"[[a, b, c, d].findIndex((nodeId) => nodeName(nodeId) === name)] ?? "?";
  }

  #note(what: string): Promise<void> {
    this.done.push(what);
    return Promise.resolve();
  }
}

describe("credentials of a server", () => {
  it("come with the authority's key, after etcd has forgotten the lost one; the asker's Node stays", async () => {
    const scene = new Scene();
    const granted = await scene.ask("server", "promote");
    expect(granted?.credentials.role).to.equal("server");
    expect(granted?.authoritySeed).to.deep.equal(SEED);
    expect(scene.done).to.deep.equal(["remove c", "no vote for d"]);
    expect(scene.recorded).to.deep.equal([
      { kind: "removal", name: nodeName(c), epoch: 1 },
      { kind: "authority", nodeId: d, epoch: 1 },
    ]);
  });

  it("for a machine that joins anew: its earlier life is forgotten with them", async () => {
    const scene = new Scene();
    await scene.ask("server", "join");
    expect(scene.done).to.deep.equal(["remove c", "remove d"]);
  });

  it("a worker gets neither the key nor a server's part, and nobody is removed for it but its earlier life", async () => {
    const scene = new Scene();
    const granted = await scene.ask("worker", "join");
    expect(granted).to.have.all.keys("credentials");
    expect(granted?.credentials.role).to.equal("worker");
    expect(scene.done).to.deep.equal(["remove d"]);
    expect(scene.recorded).to.deep.equal([]);
  });

  const reasons: readonly (readonly [
    string,
    { isSlotFree?: boolean; rolesEpoch?: number; silent?: string[] },
  ])[] = [
    ["while another machine changes its part", { isSlotFree: false }],
    ["of roles that the server does not know", { rolesEpoch: 2 }],
    ["while a server that stays does not answer", { silent: [nodeName(b)] }],
  ];
  for (const [what, change] of reasons) {
    it(`wait ${what}, and nobody is removed`, async () => {
      const scene = Object.assign(new Scene(), change);
      expect(await scene.ask("server", "promote")).to.equal(undefined);
      expect(scene.done).to.deep.equal([]);
      expect(scene.recorded).to.deep.equal([]);
    });
  }

  it("are refused to who is not to serve", async () => {
    const scene = Object.assign(new Scene(), { servers: [a, b] });
    const error = await scene.ask("server", "promote").catch((caught: unknown) => caught);
    expect(error).to.include({ name: "PeerApiError", status: 403 });
  });
});

describe("leave to step down", () => {
  it("means a good order for a member that is well", async () => {
    const scene = Object.assign(new Scene(), { servers: [a, b], silent: [] });
    expect(await scene.stepDown(c)).to.deep.equal({ isMember: true });
    expect(scene.done).to.deep.equal([]);
  });

  it("means setting aside for one that etcd does not hear", async () => {
    const scene = Object.assign(new Scene(), { servers: [a, b] });
    expect(await scene.stepDown(c)).to.deep.equal({ isMember: false });
    expect(scene.done).to.deep.equal(["no vote for c"]);
  });

  it("waits for no other machine where etcd knows nothing of this one", async () => {
    const scene = Object.assign(new Scene(), { servers: [a, b], isSlotFree: false });
    expect(await scene.stepDown(c)).to.equal(undefined);
    expect(await scene.stepDown(d, "set-aside")).to.deep.equal({ isMember: false });
    expect(scene.done).to.deep.equal([]);
  });

  it("is in the audit log, and what is refused is not", async () => {
    const scene = Object.assign(new Scene(), { servers: [a, b] });
    await scene.stepDown(c);
    await scene.stepDown(c, "set-aside");
    await scene.stepDown(a).catch(() => {});
    expect(scene.recorded).to.deep.equal([
      { kind: "step-down", nodeId: c, epoch: 1, wish: "demote" },
      { kind: "step-down", nodeId: c, epoch: 1, wish: "set-aside" },
    ]);
  });

  it("is not given to a server that is to serve", async () => {
    const error = await new Scene().stepDown(a).catch((caught: unknown) => caught);
    expect(error).to.include({ name: "PeerApiError", status: 409 });
  });
});
