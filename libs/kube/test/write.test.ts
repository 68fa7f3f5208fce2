import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock } from "@cluster-os/std/drivers";
import { expect } from "chai";
import {
  addFinalizer,
  EventRecorder,
  isControlledBy,
  KubeClient,
  ownerReference,
  removeFinalizer,
  RESOURCES,
  type Event,
} from "../src/index.ts";
import { EventBook, type Occurrence } from "../src/write/event-book.ts";
import { FakeApiServer } from "./fake/index.ts";

describe("finalizers", () => {
  it("hold an object back until they are taken off", async () => {
    await using fake = await FakeApiServer.start([RESOURCES.configMap]);
    using client = new KubeClient(fake.connection);
    const ref = { name: "x", namespace: "default" };
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: ref };
    const plain = await client.create(RESOURCES.configMap, map);
    const held = await addFinalizer(client, RESOURCES.configMap, plain, "cluster-os.dev/test");
    expect(await addFinalizer(client, RESOURCES.configMap, held, "cluster-os.dev/test")).to.equal(held);
    const late: unknown = await addFinalizer(client, RESOURCES.configMap, plain, "b").catch(
      (e: unknown) => e,
    );
    expect(late).to.include({ isConflict: true });
    await client.delete(RESOURCES.configMap, ref);
    const waiting = await client.get(RESOURCES.configMap, ref);
    expect(waiting.metadata.deletionTimestamp).to.be.a("string");
    await removeFinalizer(client, RESOURCES.configMap, waiting, "cluster-os.dev/test");
    expect(await client.find(RESOURCES.configMap, ref)).to.equal(undefined);
    await removeFinalizer(client, RESOURCES.configMap, waiting, "cluster-os.dev/test");
  });
});

describe("owners", () => {
  const owner = (namespace: string | undefined, uid: string | undefined = "1") => ({
    apiVersion: "v1",
    kind: "Owner",
    metadata: { name: "o", ...(namespace && { namespace }), ...(uid && { uid }) },
  });

  it("own what is in their namespace, or anything when they have none", () => {
    expect(ownerReference(owner("n"), { name: "d", namespace: "n" })).to.include({
      name: "o",
      uid: "1",
      controller: true,
    });
    expect(ownerReference(owner(undefined), { name: "d", namespace: "n" }).kind).to.equal("Owner");
    expect(() => ownerReference(owner("n"), { name: "d", namespace: "m" })).to.throw("n/o cannot own m/d");
    expect(() => ownerReference(owner("n"), { name: "d" })).to.throw("n/o cannot own d");
    expect(() => ownerReference(owner("n", ""), { name: "d", namespace: "n" })).to.throw("has no uid");
  });

  it("are known by their uid, not by their name", () => {
    const ownerReferences = [ownerReference(owner("n"), { name: "d", namespace: "n" })];
    const dependent = {
      apiVersion: "v1",
      kind: "D",
      metadata: { name: "d", namespace: "n", ownerReferences },
    };
    expect(isControlledBy(dependent, owner("n"))).to.equal(true);
    expect(isControlledBy(dependent, owner("n", "2"))).to.equal(false);
  });
});

describe("events", () => {
  const node = { apiVersion: "v1", kind: "Node", name: "n-a" };
  const left: Occurrence = {
    regarding: node,
    type: "Normal",
    reason: "Left",
    action: "Cordon",
    note: "it left",
  };
  const MINUTE = 60_000;
  const object = { apiVersion: "v1", kind: "Node", metadata: { name: "n-a", uid: "u" } };
  const { regarding: _, ...what } = left;
  const recorderOf = (client: KubeClient): EventRecorder =>
    new EventRecorder({
      client,
      controller: "cluster-os.dev/test",
      instance: "me",
      clock: systemClock,
      rng: seededRng(1),
      logger: silentLogger,
    });

  it("the same again is a count, until it rested", () => {
    const book = new EventBook();
    let names = 0;
    const record = (what: Occurrence, now: number) => book.record(what, now, () => `e${(names += 1)}`);
    expect(record(left, 0)).to.deep.equal({ kind: "create", name: "e1" });
    expect(record({ ...left, note: "again" }, MINUTE)).to.deep.equal({
      kind: "repeat",
      name: "e1",
      count: 2,
    });
    expect(record({ ...left, reason: "Joined" }, MINUTE)).to.deep.equal({ kind: "create", name: "e2" });
    expect(record(left, 6 * MINUTE)).to.deep.equal({ kind: "repeat", name: "e1", count: 3 });
    expect(record(left, 13 * MINUTE)).to.deep.equal({ kind: "create", name: "e3" });
  });

  it("an object that has no end of them is cut off, others are not", () => {
    const book = new EventBook();
    const kinds = Array.from({ length: 40 }, (_, index) =>
      book.record({ ...left, reason: `R${index}` }, 0, () => "e"),
    ).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "create")).to.have.length(25);
    const other = { ...left, regarding: { ...node, name: "n-b" } };
    expect(book.record(other, 0, () => "e").kind).to.equal("create");
    expect(book.record(left, 5 * MINUTE, () => "e").kind).to.equal("create");
  });

  it("are made anew when the API forgot them", async () => {
    await using fake = await FakeApiServer.start([RESOURCES.event]);
    using client = new KubeClient(fake.connection);
    const recorder = recorderOf(client);
    recorder.record(object, what);
    await recorder.flush();
    const key = [...fake.world.at("events").keys()][0] as string;
    fake.world.delete("events", key);
    recorder.record(object, what);
    await recorder.flush();
    const event = fake.world.get("events", key) as unknown as Event;
    expect(event).to.deep.include({ reason: "Left", note: "it left" });
    expect(event.series?.count).to.equal(2);
  });

  it("of which there are too many at once are dropped, and told when they happen again", async () => {
    await using fake = await FakeApiServer.start([RESOURCES.event]);
    using client = new KubeClient(fake.connection);
    const recorder = recorderOf(client);
    const many = Array.from({ length: 1001 }, (_, index) => ({
      ...object,
      metadata: { name: `n-${index}`, uid: `u-${index}` },
    }));
    for (const one of many) recorder.record(one, what);
    await recorder.flush();
    expect(fake.requests.get("create")).to.equal(1000);
    recorder.record(many[1000] as typeof object, what);
    await recorder.flush();
    expect([fake.requests.get("create"), fake.requests.get("patch")]).to.deep.equal([1001, undefined]);
  });

  it("are written beside what they are about, and never hold anybody up", async () => {
    await using fake = await FakeApiServer.start([RESOURCES.event]);
    using client = new KubeClient(fake.connection);
    const recorder = recorderOf(client);
    for (let count = 0; count < 3; count += 1) recorder.record(object, what);
    await recorder.flush();
    const [event, ...others] = [...fake.world.at("events").values()] as unknown as Event[];
    expect(others).to.deep.equal([]);
    expect(event?.metadata.namespace).to.equal("default");
    expect(event?.regarding).to.deep.equal({ apiVersion: "v1", kind: "Node", name: "n-a", uid: "u" });
    expect(event).to.deep.include({ reason: "Left", note: "it left", reportingInstance: "me" });
    expect(event?.series?.count).to.equal(3);
  });
});
