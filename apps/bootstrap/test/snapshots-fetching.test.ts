import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeCbor, type NodeId } from "@cluster-os/identity";
import { describeError, seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { PeerApiError, type PeerHandler } from "../src/peer-api/protocol.ts";
import { fetchSnapshot, listSnapshots, snapshotSource } from "../src/snapshots/fetching.ts";
import { openFile, sealFile, snapshotKey, verifyFile } from "../src/snapshots/sealed-file.ts";
import { SnapshotStore } from "../src/snapshots/store.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 30);
const NAME = "20261121T123000Z";
const { signal } = new AbortController();
const nodeId = (index: number) => `ed25519:${String(index).repeat(64)}` as NodeId;
const SERVER = nodeId(1);
const WORKER = nodeId(4);
const holderAt = (index: number) => ({ nodeId: nodeId(index), name: `n-${index}`, address: "" });

type Handlers = Readonly<Record<string, PeerHandler>>;

describe("snapshots are fetched from other machines", () => {
  const key = snapshotKey(new Uint8Array(32).fill(1), "c0ffee");
  /** 200,000 bytes that do not compress: five pieces. */
  const content = Buffer.from(seededRng(3).bytes(200_000));
  let folder: string;
  /** What each machine answers, by its ID. */
  let machines: Map<NodeId, Handlers>;
  let asked: string[];
  const at = (name: string): string => join(folder, name);
  const target = (): string => at("here/fetched.snapshot");
  const draft = (): string => `${target()}.fetched`;
  const kept = (index: number): string => at(`n-${index}/${NAME}.snapshot`);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "snapshots-"));
    machines = new Map();
    asked = [];
    const stores = [2, 3].map((index) => new SnapshotStore(at(`n-${index}`), seededRng(index), silentLogger));
    for (const store of stores) await store.take(NOW, key, (path) => writeFile(path, content));
    // A copy is the same to the last bit.
    await writeFile(kept(3), await readFile(kept(2)));
    stores.forEach((store, place) =>
      machines.set(nodeId(place + 2), snapshotSource({ store, isServer: (id) => id === SERVER })),
    );
  });
  afterEach(() => rm(folder, { recursive: true }));

  const peersOf = (from: NodeId = SERVER) => ({
    ask: async ({ to, topic, body }: { to: NodeId; topic: string; body: Uint8Array }) => {
      asked.push(`${to.at(-1)} ${topic}`);
      const handler = machines.get(to)?.[topic];
      if (!handler) throw new PeerApiError(404, `nobody answers ${topic}`);
      return handler(from, body, signal);
    },
  });
  const fetch = (from?: NodeId, name = NAME): Promise<void> =>
    fetchSnapshot({
      peers: peersOf(from),
      name,
      path: target(),
      holders: [holderAt(2), holderAt(3)],
      verify: (path) => verifyFile(path, key),
      signal: () => signal,
    });
  const message = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "it did not fail",
      (error: unknown) => describeError(error),
    );
  const here = (): Promise<string[]> => readdir(at("here"));
  const damage = async (path: string): Promise<void> => {
    const bytes = await readFile(path);
    await writeFile(
      path,
      bytes.map((byte, place) => (place === 5_000 ? byte ^ 1 : byte)),
    );
  };
  const expectWhole = async (): Promise<void> => {
    await openFile(target(), at("opened"), key);
    expect((await readFile(at("opened"))).equals(content)).to.equal(true);
    expect((await stat(target())).mode & 0o777).to.equal(0o600);
    expect(await here()).to.deep.equal(["fetched.snapshot"]);
  };
  /** This machine gives so many pieces, and is gone. */
  const cutAfter = (index: number, pieces: number): void => {
    const whole = machines.get(nodeId(index))?.["snapshot-read"] as PeerHandler;
    let given = 0;
    machines.set(nodeId(index), {
      "snapshot-read": (...args) => {
        if ((given += 1) > pieces) throw new Error("the cable");
        return whole(...args);
      },
    });
  };

  it("which tell what they keep", async () => {
    expect(await listSnapshots(peersOf(), holderAt(2), signal)).to.deep.equal([NAME]);
  });

  it("whole, for root alone, and from the first one that has it", async () => {
    await fetch();
    await expectWhole();
    expect(asked).to.deep.equal(Array.from({ length: 5 }, () => "2 snapshot-read"));
  });

  for (const pieces of [0, 1, 2, 3, 4]) {
    it(`from the next one, which goes on when the first is cut off after ${pieces} pieces`, async () => {
      cutAfter(2, pieces);
      await fetch();
      await expectWhole();
      // One more was asked for in vain.
      expect(asked).to.have.length(6);
    });

    it(`at the next try, which goes on when the only ones are cut off after ${pieces} pieces`, async () => {
      const all = new Map(machines);
      cutAfter(2, pieces);
      machines.delete(nodeId(3));
      expect(await message(fetch())).to.match(/\(n-2: the cable; n-3: nobody answers snapshot-read\)$/);
      expect(await here()).to.deep.equal(pieces === 0 ? [] : ["fetched.snapshot.fetched"]);
      if (pieces > 0) expect((await stat(draft())).mode & 0o777).to.equal(0o600);
      machines = all;
      asked = [];
      await fetch();
      await expectWhole();
      expect(asked).to.have.length(5 - pieces);
    });
  }

  it("at once, where all had come but had no name yet", async () => {
    await mkdir(at("here"));
    await copyFile(kept(2), draft());
    await fetch();
    expect(asked).to.deep.equal(["2 snapshot-read"]);
    await openFile(target(), at("opened"), key);
  });

  const remains: readonly [string, (whole: Buffer) => Buffer][] = [
    ["another one's beginning", () => Buffer.alloc(70_000)],
    ["another one, longer than this", (whole) => Buffer.concat([whole, whole])],
  ];
  for (const [name, of] of remains)
    it(`anew, where what was there is ${name}`, async () => {
      await mkdir(at("here"));
      await writeFile(draft(), of(await readFile(kept(2))), { mode: 0o600 });
      await fetch();
      await expectWhole();
      expect(new Set(asked)).to.deep.equal(new Set(["2 snapshot-read"]));
    });

  it("and the pieces of other snapshots go, but no whole one", async () => {
    await mkdir(at("here"));
    await writeFile(at("here/20200101T000000Z.snapshot.fetched"), "pieces");
    await writeFile(at("here/20200101T000000Z.snapshot"), "whole");
    await fetch();
    expect(await here()).to.have.members(["20200101T000000Z.snapshot", "fetched.snapshot"]);
  });

  it("from the next one, when the first one's copy is damaged", async () => {
    await damage(kept(2));
    await fetch();
    await expectWhole();
    expect(asked).to.have.length(10);
  });

  it("from the next one, when the first one's copy is another cluster's", async () => {
    await writeFile(at("clear"), content);
    await sealFile(at("clear"), kept(2), snapshotKey(new Uint8Array(32), "decaf"), seededRng(9));
    await fetch();
    await expectWhole();
  });

  it("from the next one, when the first one gives less than it says", async () => {
    const nothing = encodeCbor({ size: 9, bytes: new Uint8Array() });
    machines.set(nodeId(2), { "snapshot-read": () => Promise.resolve(nothing) });
    await fetch();
    await expectWhole();
    machines.delete(nodeId(3));
    await rm(target());
    expect(await message(fetch())).to.contain("n-2: it gave 0 bytes after 0 of 9");
  });

  it("or not at all, where every copy is damaged: then nothing is left", async () => {
    await damage(kept(2));
    await damage(kept(3));
    expect(await message(fetch())).to.match(/\(n-2: .*does not open.*; n-3: .*does not open/);
    expect(await here()).to.deep.equal([]);
  });

  it("or not at all, where nobody has it any more: then every machine is named", async () => {
    machines.delete(nodeId(2));
    await rm(kept(3));
    expect(await message(fetch())).to.match(
      /could not be fetched \(n-2: nobody answers.*; n-3: there is no snapshot 20261121T123000Z here/,
    );
    expect(await here()).to.deep.equal([]);
  });

  describe("but are refused", () => {
    const refusal = async (from: NodeId, topic: string, body: Uint8Array): Promise<string> => {
      const handler = machines.get(nodeId(2))?.[topic] as PeerHandler;
      try {
        await handler(from, body, signal);
        return "it was answered";
      } catch (error) {
        return error instanceof PeerApiError
          ? `${error.status} ${error.message}`
          : `no refusal: ${describeError(error)}`;
      }
    };
    const read = (request: unknown, from = SERVER) => refusal(from, "snapshot-read", encodeCbor(request));

    it("to who is no server: even what there is", async () => {
      const text = "403 only a control-plane server is given snapshots: ask on one";
      expect(await read({ name: NAME, offset: 0 }, WORKER)).to.equal(text);
      expect(await refusal(WORKER, "snapshot-list", encodeCbor({}))).to.equal(text);
      expect(await message(fetch(WORKER))).to.contain("only a control-plane server");
      expect(await here()).to.deep.equal([]);
    });

    for (const name of ["../../etc/passwd", `../n-3/${NAME}`, `${NAME}/../a`, `${NAME}\0`, "..", ""])
      it(`under the name ${JSON.stringify(name)}`, async () => {
        expect(await read({ name, offset: 0 })).to.equal(
          `400 ${JSON.stringify(name)} is no snapshot's name: one is a time, for example 20261121T123000Z`,
        );
      });

    const malformed: readonly [string, unknown, RegExp][] = [
      ["an offset before the beginning", { name: NAME, offset: -1 }, /offset/],
      ["no offset", { name: NAME }, /offset/],
      ["a name that is too long", { name: "2".repeat(33), offset: 0 }, /name/],
      ["something else", 7, /expected object/],
    ];
    for (const [what, request, reason] of malformed)
      it(`for ${what}`, async () => {
        const text = await read(request);
        expect(text).to.match(/^400 the body of snapshot-read is malformed: .*same version/s);
        expect(text).to.match(reason);
      });

    it("for what is not CBOR", async () => {
      const text = await refusal(SERVER, "snapshot-read", new Uint8Array([0xff, 0xff]));
      expect(text).to.match(/^400 the body of snapshot-read is malformed/);
    });

    it("where there is none of the name", async () => {
      expect(await read({ name: "20200101T000000Z", offset: 0 })).to.equal(
        "404 there is no snapshot 20200101T000000Z here; snapshot-list tells which there are",
      );
    });
  });
});
