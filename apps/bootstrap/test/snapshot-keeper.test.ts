import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGenesis } from "@cluster-os/admission";
import type { Member } from "@cluster-os/membership";
import {
  generateAgreementKey,
  generateIdentity,
  generateSigningKey,
  type NodeId,
} from "@cluster-os/identity";
import { describeError, seededRng, silentLogger } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { PeerApiError } from "../src/peer-api/protocol.ts";
import { snapshotSources } from "../src/recovery/plan.ts";
import { SnapshotKeeper } from "../src/snapshots/keeper.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 30);
const NAME = "20261121T123000Z";
const rng = seededRng(80);
const authority = generateSigningKey(rng);
const sealingKey = generateAgreementKey(rng).publicKey;
const ids = Array.from({ length: 4 }, () => generateIdentity(rng).nodeId);
const [self, second, third, fourth] = ids as [NodeId, NodeId, NodeId, NodeId];
const nameOf = (nodeId: NodeId): string => `n-${ids.indexOf(nodeId) + 1}`;
const genesis = createGenesis({
  founders: [{ nodeId: self, index: 1, sealingKey, wireguardKey: sealingKey }],
  servers: [self],
  addressPlan: { mesh: "10.86.0.0/16", pods: "10.112.0.0/12", services: "10.87.0.0/16" },
  authority,
  ringKey: { id: 1, key: new Uint8Array(32).fill(7) },
  createdAt: NOW,
  rng,
});

describe("the keeper of snapshots", () => {
  let folder: string;
  let statuses: Map<NodeId, Member["status"]>;
  let keepers: Map<NodeId, SnapshotKeeper>;
  let asked: string[];
  /** Hears the request, and never answers. */
  let silent: NodeId | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "snapshots-"));
    statuses = new Map(ids.map((nodeId) => [nodeId, "alive"]));
    keepers = new Map(ids.map((nodeId) => [nodeId, keeperOf(nodeId)]));
    asked = [];
    silent = undefined;
  });
  afterEach(() => rm(folder, { recursive: true }));

  const view = {
    isServer: (nodeId: NodeId) => nodeId === self,
    members: () =>
      [...statuses].map(([nodeId, status], place) => ({
        member: {
          nodeId,
          name: nameOf(nodeId),
          status,
          incarnation: 1,
          address: "",
          description: undefined,
        },
        index: place + 1,
        meshAddress: `10.86.0.${place + 1}`,
      })),
  };
  const peersOf = (from: NodeId): ConstructorParameters<typeof SnapshotKeeper>[0]["peers"] => ({
    ask: ({ to, topic, body, signal }) => {
      asked.push(`${nameOf(to)} ${topic}`);
      if (to === silent)
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("no answer in time")));
        });
      const handler = keepers.get(to)?.handlers[topic];
      return handler ? handler(from, body, signal) : Promise.reject(new PeerApiError(404, "it is gone"));
    },
  });
  function keeperOf(nodeId: NodeId): SnapshotKeeper {
    return new SnapshotKeeper({
      self: nodeId,
      folder: join(folder, nameOf(nodeId)),
      config: {},
      view,
      distribution: { name: "kubeadm", snapshot: () => Promise.reject(new Error("etcd is lost")) },
      controlPlane: () => ({ leads: false }),
      trust: { authoritySeed: () => authority.seed, genesis: () => genesis },
      peers: peersOf(nodeId),
      clock: { now: () => 0, wallTime: () => NOW },
      rng: seededRng(1),
      logger: silentLogger,
    });
  }
  const keeper = (nodeId: NodeId): SnapshotKeeper => keepers.get(nodeId) as SnapshotKeeper;
  const take = (nodeId: NodeId, text: string, takenAt = NOW) =>
    keeper(nodeId).store.take(takenAt, keeper(nodeId).key as Uint8Array, (path) => writeFile(path, text));
  const { signal } = new AbortController();
  const sources = async (during = signal) =>
    snapshotSources(await keeper(self).store.list(), await keeper(self).keptElsewhere(during));

  it("finds what the others keep, those that are doubted among them, and asks nobody else", async () => {
    await take(second, "a copy");
    await take(third, "a copy");
    await take(third, "an old one", NOW - 60_000);
    await take(fourth, "a copy");
    statuses.set(third, "suspect").set(fourth, "failed");
    expect(await sources()).to.deep.equal([
      { name: NAME, takenAt: NOW, holders: ["n-2", "n-3"] },
      { name: "20261121T122900Z", takenAt: NOW - 60_000, holders: ["n-3"] },
    ]);
    expect(asked).to.have.members(["n-2 snapshot-list", "n-3 snapshot-list"]);
  });

  it("leaves out who does not answer in time, and who refuses", async () => {
    await take(second, "a copy");
    await take(third, "a copy");
    silent = third;
    keepers.delete(fourth);
    const patience = new AbortController();
    const found = sources(patience.signal);
    await waitFor(() => asked.length === 3, { what: "all were asked", timeoutMs: 8000, everyMs: 1 });
    patience.abort();
    expect(await found).to.deep.equal([{ name: NAME, takenAt: NOW, holders: ["n-2"] }]);
  });

  it("opens one that only another machine keeps, and has it from then on", async () => {
    await take(second, "all that is in etcd");
    const path = await keeper(self).open(NAME, ["n-2"]);
    expect(await readFile(path, "utf8")).to.equal("all that is in etcd");
    expect(await sources()).to.deep.equal([{ name: NAME, takenAt: NOW }]);
  });

  it("opens its own without asking anybody", async () => {
    await take(self, "own");
    await take(second, "a copy");
    expect(await readFile(await keeper(self).open(NAME, ["n-2"]), "utf8")).to.equal("own");
    expect(asked).to.deep.equal([]);
  });

  it("opens it from another machine that keeps it, when one is gone since it was found", async () => {
    await take(second, "a copy");
    await take(third, "a copy");
    const [found] = await sources();
    keepers.delete(second);
    const path = await keeper(self).open(NAME, found?.holders);
    expect(await readFile(path, "utf8")).to.equal("a copy");
  });

  it("names all machines that were asked in vain", async () => {
    await take(second, "a copy");
    await take(third, "a copy");
    const [found] = await sources();
    keepers.delete(second);
    keepers.delete(third);
    const failure = await keeper(self).open(NAME, found?.holders).catch(describeError);
    expect(failure).to.equal(`snapshot ${NAME} could not be fetched (n-2: it is gone; n-3: it is gone)`);
  });
});
