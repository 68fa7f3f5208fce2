import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId } from "@cluster-os/identity";
import { seededRng, silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { PeerApiError } from "../src/peer-api/protocol.ts";
import { sendSnapshot, snapshotReceiver } from "../src/snapshots/copies.ts";
import { SnapshotPieces } from "../src/snapshots/pieces.ts";
import {
  chooseHolders,
  isSnapshotDue,
  snapshotName,
  superfluous,
  timeOfName,
} from "../src/snapshots/plan.ts";
import { openFile, sealFile, snapshotKey } from "../src/snapshots/sealed-file.ts";
import { Snapshots } from "../src/snapshots/snapshots.ts";
import { SnapshotStore } from "../src/snapshots/store.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 21, 12, 30);
const { signal } = new AbortController();
const SERVER = `ed25519:${"1".repeat(64)}` as NodeId;
const kept = (...ages: readonly number[]) =>
  ages.map((age) => ({ name: snapshotName(NOW - age), takenAt: NOW - age }));

describe("the plan of snapshots", () => {
  const due: readonly [string, readonly number[], boolean][] = [
    ["the first one", [], true],
    ["an hour after the last", [HOUR], true],
    ["not before", [HOUR - 1, 5 * HOUR], false],
    ["whatever a clock that was ahead has left", [-DAY, 2 * HOUR], true],
  ];
  for (const [name, ages, expected] of due)
    it(`is due: ${name}`, () =>
      expect(isSnapshotDue(kept(...ages), { now: NOW, intervalMs: HOUR })).to.equal(expected));

  it("keeps the eight newest, and the last of each of seven days", () => {
    const hours = Array.from({ length: 24 * 10 }, (_, hour) => hour * HOUR);
    const all = kept(...hours);
    const gone = new Set(superfluous(all, NOW));
    const left = all.filter((one) => !gone.has(one)).map(({ takenAt }) => (NOW - takenAt) / HOUR);
    expect(left).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 13, 37, 61, 85, 109, 133, 157]);
  });

  it("never lets the newest go, however old", () => {
    expect(superfluous(kept(400 * DAY, 500 * DAY), NOW)).to.deep.equal([]);
  });

  it("gives copies to servers first, then to the lowest index", () => {
    const holder = (index: number, isServer: boolean) => ({ nodeId: `n${index}`, index, isServer });
    const chosen = chooseHolders([holder(4, false), holder(5, true), holder(2, false)]);
    expect(chosen.map(({ index }) => index)).to.deep.equal([5, 2]);
  });

  it("names them by their time, and believes no other name", () => {
    expect(snapshotName(NOW)).to.equal("20261121T123000Z");
    expect(timeOfName("20261121T123000Z")).to.equal(NOW);
    for (const name of ["", "../../etc/passwd", "20261399T000000Z", "opened"])
      expect(timeOfName(name)).to.equal(undefined);
  });
});

describe("snapshots on disk", () => {
  let folder: string;
  const key = snapshotKey(new Uint8Array(32).fill(1), "c0ffee");
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "snapshots-"))));
  afterEach(() => rm(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);
  const content = Buffer.from(seededRng(3).bytes(200_000));
  const failure = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it("are sealed, for root alone, and open as they were", async () => {
    await writeFile(at("clear"), content);
    await sealFile(at("clear"), at("sealed"), key, seededRng(1));
    expect((await stat(at("sealed"))).mode & 0o777).to.equal(0o600);
    expect((await readFile(at("sealed"))).includes(content.subarray(0, 64))).to.equal(false);
    await openFile(at("sealed"), at("opened"), key);
    expect((await readFile(at("opened"))).equals(content)).to.equal(true);
    expect((await stat(at("opened"))).mode & 0o777).to.equal(0o600);
  });

  it("do not open if a bit is wrong, something is missing, or the key is another cluster's", async () => {
    await writeFile(at("clear"), content);
    await sealFile(at("clear"), at("sealed"), key, seededRng(1));
    const sealed = await readFile(at("sealed"));
    const broken: Record<string, Buffer> = {
      flipped: Buffer.from(sealed.map((byte, place) => (place === 5_000 ? byte ^ 1 : byte))),
      short: sealed.subarray(0, -1),
      nothing: Buffer.alloc(0),
      other: Buffer.from("something else that is long enough to be looked at, at least as a head and a tag"),
    };
    for (const [name, bytes] of Object.entries(broken)) {
      await writeFile(at(name), bytes);
      expect(await failure(openFile(at(name), at("opened"), key)), name).to.have.property(
        "name",
        "SnapshotError",
      );
    }
    const foreign = snapshotKey(new Uint8Array(32).fill(1), "decaf");
    expect(await failure(openFile(at("sealed"), at("opened"), foreign))).to.be.instanceOf(Error);
    expect(await readdir(folder)).to.not.include("opened");
  });

  it("are never there in clear, not even after a failure", async () => {
    const store = new SnapshotStore(folder, seededRng(1), silentLogger);
    await store.take(NOW, key, (path) => writeFile(path, content));
    const half = async (path: string): Promise<void> => {
      await writeFile(path, content);
      throw new Error("etcd broke off");
    };
    await failure(store.take(NOW + HOUR, key, half));
    expect(await readdir(folder)).to.deep.equal(["20261121T123000Z.snapshot"]);
    expect((await readFile(await store.open("20261121T123000Z", key))).equals(content)).to.equal(true);
  });

  describe("are copied to other machines", () => {
    const path = (name: string): string => at(`${name}.snapshot`);
    const NAME = "20261121T123000Z";
    let received: string[];
    let receive: ReturnType<typeof snapshotReceiver>;
    beforeEach(async () => {
      received = [];
      receive = snapshotReceiver({
        pieces: new SnapshotPieces(path),
        isServer: (nodeId) => nodeId === SERVER,
        onReceived: (name) => Promise.resolve(void received.push(name)),
      });
      await writeFile(at("own"), content);
    });
    const send = (ask: typeof receive, from: NodeId = SERVER, name = NAME) =>
      sendSnapshot({
        peers: { ask: ({ body }) => Promise.resolve().then(() => ask(from, body, signal)) },
        to: SERVER,
        address: "",
        name,
        path: at("own"),
        signal,
      });

    it("whole", async () => {
      await send(receive);
      expect((await readFile(path(NAME))).equals(content)).to.equal(true);
      expect((await stat(path(NAME))).mode & 0o777).to.equal(0o600);
      await send(receive);
      expect(received).to.deep.equal([NAME]);
    });

    it("from where it was cut off", async () => {
      let pieces = 0;
      const cut: typeof receive = (...args) => {
        if ((pieces += 1) > 3) throw new Error("the cable");
        return receive(...args);
      };
      await failure(send(cut));
      let rest = 0;
      await send((...args) => {
        rest += 1;
        return receive(...args);
      });
      expect(rest).to.equal(4);
      expect((await readFile(path(NAME))).equals(content)).to.equal(true);
    });

    it("whole, where all of it came before a power cut and its name did not", async () => {
      await writeFile(`${path(NAME)}.part`, content);
      await send(receive);
      expect((await readFile(path(NAME))).equals(content)).to.equal(true);
      expect(received).to.deep.equal([NAME]);
    });

    it("anew, where as much is there but not the same", async () => {
      await writeFile(`${path(NAME)}.part`, Buffer.alloc(content.length));
      await send(receive);
      expect((await readFile(path(NAME))).equals(content)).to.equal(true);
      expect(await readdir(folder)).to.not.include(`${NAME}.snapshot.part`);
    });

    it("but not by workers, nor under a name of another file", async () => {
      const worker = `ed25519:${"2".repeat(64)}` as NodeId;
      expect(await failure(send(receive, worker)))
        .to.be.instanceOf(PeerApiError)
        .and.have.property("status", 403);
      for (const name of ["../own", "own", "", "20261121T123000Z/../../own"])
        expect(await failure(send(receive, SERVER, name)), name)
          .to.be.instanceOf(PeerApiError)
          .and.have.property("status", 400);
      expect(received).to.deep.equal([]);
      expect(await readdir(folder)).to.deep.equal(["own"]);
    });
  });

  it("are taken by the server that leads, on time, each copied once to two others", async () => {
    const store = new SnapshotStore(folder, seededRng(1), silentLogger);
    const sent: string[] = [];
    let now = NOW;
    let leads = false;
    let isBroken = true;
    const snapshots = new Snapshots({
      store,
      leads: () => leads,
      key: () => key,
      intervalMs: HOUR,
      save: (path) => writeFile(path, content),
      others: () =>
        [2, 3, 4].map((index) => ({ nodeId: `n${index}` as NodeId, index, isServer: false, address: "" })),
      send: ({ nodeId }, { name }) => {
        if (isBroken && nodeId === "n2") return Promise.reject(new Error("it is rebooting"));
        return Promise.resolve(void sent.push(`${name} ${nodeId}`));
      },
      clock: { now: () => 0, wallTime: () => now },
      logger: silentLogger,
    });
    await snapshots.round(signal);
    expect(await store.list()).to.deep.equal([]);
    leads = true;
    await snapshots.round(signal);
    isBroken = false;
    await snapshots.round(signal);
    expect(sent).to.deep.equal(["20261121T123000Z n3", "20261121T123000Z n2"]);
    now += HOUR;
    await snapshots.round(signal);
    expect((await store.list()).map(({ name }) => name)).to.deep.equal([
      "20261121T133000Z",
      "20261121T123000Z",
    ]);
    expect(sent).to.have.length(4);
  });
});
