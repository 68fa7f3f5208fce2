import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId } from "@cluster-os/identity";
import { describeError, seededRng } from "@cluster-os/std";
import { expect } from "chai";
import { PeerApiError } from "../../src/peer-api/protocol.ts";
import { PackageStore } from "../../src/upgrade/package-store.ts";

const { signal } = new AbortController();
const holder = (name: string) => ({ nodeId: `ed25519:${name}` as NodeId, name, address: "" });

describe("the package of an upgrade", () => {
  const content = Buffer.from(seededRng(7).bytes(130_000));
  const sha256 = createHash("sha256").update(content).digest("hex");
  let folder: string;
  let stores: Map<string, PackageStore>;
  let pieces: number;
  /** After so many pieces nobody answers any more. */
  let piecesLeft: number;
  const storeOf = (name: string): PackageStore => {
    const peers = {
      ask: async ({ to, topic, body }: { to: NodeId; topic: string; body: Uint8Array }) => {
        if (piecesLeft-- <= 0) throw new Error("its power is gone");
        pieces += 1;
        const handler = stores.get(to.slice("ed25519:".length))?.handlers[topic];
        if (!handler) throw new PeerApiError(404, `nobody answers ${topic}`);
        return handler("ed25519:b" as NodeId, body, signal);
      },
    };
    const store = new PackageStore({ folder: join(folder, name), peers, signal: () => signal });
    stores.set(name, store);
    return store;
  };
  const given = (): string => join(folder, "given.deb");
  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "it did not fail",
      (error: unknown) => describeError(error),
    );

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "packages-"));
    stores = new Map();
    [pieces, piecesLeft] = [0, Number.POSITIVE_INFINITY];
    await writeFile(given(), content);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is taken in under its SHA-256, and what was there before goes once nobody is to fetch it", async () => {
    const store = storeOf("a");
    await writeFile(join(folder, "older.deb"), "older");
    await store.take(join(folder, "older.deb"));
    expect(await store.take(given())).to.equal(sha256);
    expect(await readdir(join(folder, "a"))).to.have.length(2);
    await store.keepOnly(sha256);
    expect(await readdir(join(folder, "a"))).to.deep.equal([`${sha256}.deb`]);
    expect((await stat(join(folder, "a"))).mode & 0o777).to.equal(0o700);
  });

  it("is fetched piece by piece from whoever has it, once", async () => {
    const [first, second] = [storeOf("a"), storeOf("b")];
    await first.take(given());
    const path = await second.get(sha256, [holder("nobody"), holder("a")]);
    expect((await readFile(path)).equals(content)).to.equal(true);
    expect(pieces).to.equal(4);
    await second.get(sha256, []);
    expect(pieces).to.equal(4);
  });

  it("goes on where it was cut off", async () => {
    const [first, second] = [storeOf("a"), storeOf("b")];
    await first.take(given());
    piecesLeft = 2;
    expect(await failure(second.get(sha256, [holder("a")]))).to.include("a: its power is gone");
    piecesLeft = 1;
    expect((await readFile(await second.get(sha256, [holder("a")]))).equals(content)).to.equal(true);
  });

  it("is not taken from a machine that gives another file", async () => {
    const [first, second] = [storeOf("a"), storeOf("b")];
    await first.take(given());
    await writeFile(
      first.path(sha256),
      content.map((byte) => byte ^ 1),
    );
    expect(await failure(second.get(sha256, [holder("a")]))).to.include("a: what it gave is another file");
    expect(await readdir(join(folder, "b"))).to.deep.equal([]);
  });

  it("is fetched again where it was damaged", async () => {
    const [first, second] = [storeOf("a"), storeOf("b")];
    await first.take(given());
    await second.get(sha256, [holder("a")]);
    await writeFile(second.path(sha256), "damaged");
    await second.get(sha256, [holder("a")]);
    expect((await readFile(second.path(sha256))).equals(content)).to.equal(true);
  });

  it("says that it has none", async () => {
    expect(await failure(storeOf("b").get(sha256, []))).to.include("no living machine keeps it");
    storeOf("a");
    expect(await failure(storeOf("b").get(sha256, [holder("a")]))).to.include(
      `there is no package ${sha256} here`,
    );
  });
});
