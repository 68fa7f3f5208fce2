import { seededRng, silentLogger } from "@cluster-os/std";
import { systemClock, waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { KubeError } from "../src/client/error.ts";
import {
  anyOf,
  controllerKey,
  deletionStarted,
  feed,
  generationChanged,
  Informer,
  KubeClient,
  labelsChanged,
  RESOURCES,
  type AnyObject,
  type Change,
  type ConfigMap,
  type InformerOptions,
} from "../src/index.ts";
import { BACKOFF, isSeen, planNext, STALE_LISTS, type Act, type Ending } from "../src/informer/plan.ts";
import { FakeApiServer, NO_FAULTS, type RequestFault, type WatchFault } from "./fake/index.ts";

describe("what an informer does next", () => {
  const error = (status: number | undefined, retryAfterMs?: number): KubeError =>
    new KubeError("", { status, retryAfterMs });
  const table: readonly {
    readonly name: string;
    readonly act: Act;
    readonly ending: Ending;
    readonly failures?: number;
    readonly isAuditDue?: boolean;
    readonly expected: readonly [Act, number, number];
  }[] = [
    { name: "a list: watch from there", act: "list", ending: "done", expected: ["watch", 0, 0] },
    {
      name: "a list between failures: they are not forgotten yet",
      act: "list",
      ending: "done",
      failures: 3,
      expected: ["watch", 0, 3],
    },
    {
      name: "a watch that ended: the next",
      act: "watch",
      ending: "done",
      failures: 3,
      expected: ["watch", 0, 0],
    },
    {
      name: "an audit when it is time",
      act: "watch",
      ending: "done",
      isAuditDue: true,
      expected: ["audit", 0, 0],
    },
    { name: "an audit: watch on", act: "audit", ending: "done", isAuditDue: true, expected: ["watch", 0, 0] },
    { name: "a watch with nothing in it", act: "watch", ending: "stalled", expected: ["watch", 100, 1] },
    {
      name: "a broken watch: soon again",
      act: "watch",
      ending: error(undefined),
      expected: ["watch", 100, 1],
    },
    {
      name: "the third time: later",
      act: "watch",
      ending: error(500),
      failures: 2,
      expected: ["watch", 400, 3],
    },
    { name: "expired: a list at once", act: "watch", ending: error(410), expected: ["list", 0, 1] },
    {
      name: "expired again: a list, not at once",
      act: "watch",
      ending: error(410),
      failures: 1,
      expected: ["list", 200, 2],
    },
    { name: "a list that expired half-way", act: "list", ending: error(410), expected: ["list", 0, 1] },
    { name: "a list that failed", act: "list", ending: error(503), expected: ["list", 100, 1] },
    { name: "a list from the past", act: "list", ending: "stale", expected: ["list", 100, 1] },
    { name: "asked to wait", act: "watch", ending: error(429, 7000), expected: ["watch", 7000, 1] },
    {
      name: "asked to wait less than is due",
      act: "list",
      ending: error(429, 1),
      failures: 1,
      expected: ["list", 200, 2],
    },
    {
      name: "an audit when it is time, though the watch broke",
      act: "watch",
      ending: error(undefined),
      isAuditDue: true,
      expected: ["audit", 100, 1],
    },
    {
      name: "no audit of a server that has enough to do",
      act: "watch",
      ending: error(503),
      isAuditDue: true,
      expected: ["watch", 100, 1],
    },
    {
      name: "an audit that failed: never mind",
      act: "audit",
      ending: error(500),
      expected: ["watch", 100, 1],
    },
    {
      name: "an audit of what is no longer kept",
      act: "audit",
      ending: error(410),
      expected: ["list", 0, 1],
    },
  ];
  const rng = { fraction: () => 1, bytes: () => new Uint8Array() };
  for (const { name, act, ending, failures = 0, isAuditDue = false, expected } of table)
    it(name, () => {
      const next = planNext(act, ending, { failures, isAuditDue, backoff: BACKOFF }, rng);
      expect([next.act, next.afterMs, next.failures]).to.deep.equal(expected);
    });

  it("versions are compared as numbers, however long", () => {
    const cases = [
      ["9", "10", true],
      ["10", "9", false],
      ["10", "10", true],
      ["12345678901234567890", "12345678901234567891", true],
      ["a", "b", false],
      [undefined, "1", false],
    ] as const;
    for (const [version, seen, expected] of cases)
      expect(isSeen(version, seen), `${version} ${seen}`).to.equal(expected);
  });
});

describe("informer", () => {
  let fake: FakeApiServer;
  let client: KubeClient;
  let informer: Informer<ConfigMap>;
  let changes: string[];
  let missed: number;

  beforeEach(async () => {
    fake = await FakeApiServer.start([RESOURCES.configMap]);
    client = new KubeClient(fake.connection);
    for (const name of ["a", "b", "c"]) create(name);
    missed = 0;
    informer = make({});
  });
  afterEach(async () => {
    await informer.stop();
    client[Symbol.dispose]();
    await fake[Symbol.asyncDispose]();
  });

  const surroundings = { clock: systemClock, rng: seededRng(1), logger: silentLogger };
  function make(options: Partial<InformerOptions<ConfigMap>>): Informer<ConfigMap> {
    const made = new Informer({
      client,
      resource: RESOURCES.configMap,
      pageSize: 2,
      indexers: { value: ({ data }) => Object.values(data ?? {}) },
      metrics: { listed: () => {}, failed: () => {}, missed: (_, count) => void (missed += count) },
      ...surroundings,
      ...options,
    });
    changes = [];
    made.store.onChange(({ kind, object }) => changes.push(`${kind} ${object.metadata.name}`));
    return made;
  }
  function create(name: string, data: Record<string, string> = {}): void {
    const metadata = { name, namespace: "default" };
    fake.world.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata, data });
  }
  const patch = (name: string, value: string): void =>
    void fake.world.mergePatch("configmaps", `default/${name}`, { data: { value } });
  const remove = (name: string): void => void fake.world.delete("configmaps", `default/${name}`);
  const started = async (): Promise<void> => {
    informer.start();
    await informer.synced();
    await waitFor(() => fake.openWatches === 1, { what: "the watch", timeoutMs: 8000, everyMs: 2 });
  };
  const seen = (key: string, value: string) =>
    waitFor(() => informer.store.get(`default/${key}`)?.data?.["value"] === value, {
      what: `${key} = ${value}`,
      timeoutMs: 8000,
      everyMs: 2,
    });
  /** The next request of this verb goes wrong. */
  const failNext = (verb: string, fault: RequestFault): void => {
    fake.faults = {
      ...NO_FAULTS,
      request: (asked) => {
        if (asked !== verb) return undefined;
        fake.faults = NO_FAULTS;
        return fault;
      },
    };
  };

  it("takes a list in pages, then what happens", async () => {
    expect(informer.hasSynced).to.equal(false);
    await started();
    expect(informer.hasSynced).to.equal(true);
    expect(fake.requests.get("list")).to.equal(2);
    patch("a", "1");
    remove("b");
    create("d", { value: "1" });
    await seen("d", "1");
    expect(changes).to.deep.equal(["added a", "added b", "added c", "updated a", "deleted b", "added d"]);
    expect(informer.store.byIndex("value", "1").map(({ metadata }) => metadata.name)).to.deep.equal([
      "a",
      "d",
    ]);
    patch("a", "2");
    await seen("a", "2");
    expect(informer.store.byIndex("value", "1").map(({ metadata }) => metadata.name)).to.deep.equal(["d"]);
    expect(() => informer.store.byIndex("colour", "red")).to.throw('no index "colour"');
  });

  it("a handler that comes late is told what is there; one that left is told nothing", async () => {
    await started();
    const late: string[] = [];
    const leave = informer.store.onChange(({ kind, object }) => late.push(`${kind} ${object.metadata.name}`));
    expect(late).to.deep.equal(["added a", "added b", "added c"]);
    leave();
    patch("a", "1");
    await seen("a", "1");
    expect(late).to.have.length(3);
  });

  it("a handler that throws stops neither the informer nor the others", async () => {
    informer.store.onChange(() => {
      throw new Error("a mistake");
    });
    const after: string[] = [];
    informer.store.onChange(({ object }) => after.push(object.metadata.name));
    await started();
    patch("a", "1");
    await seen("a", "1");
    expect(after).to.deep.equal(["a", "b", "c", "a"]);
  });

  it("one that was replaced under its name, unseen, is deleted and added", async () => {
    await started();
    fake.breakWatches({ kind: "error", code: 410 });
    remove("a");
    create("a", { value: "new" });
    await seen("a", "new");
    expect(changes.slice(3)).to.deep.equal(["deleted a", "added a"]);
  });

  it("keeps no managedFields unless it is told to", async () => {
    const wish = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "a", namespace: "default" },
      data: {},
    };
    await client.apply(RESOURCES.configMap, wish, { fieldManager: "me" });
    await started();
    expect(informer.store.get("default/a")?.metadata).to.not.have.property("managedFields");
    await informer.stop();
    informer = make({ keepManagedFields: true });
    informer.start();
    await informer.synced();
    expect(informer.store.get("default/a")?.metadata.managedFields).to.have.length(1);
  });

  it("keeps what it is asked to keep, of lists and of watches", async () => {
    fake.world.mergePatch("configmaps", "default/a", { data: { value: "old", ballast: "x" } });
    informer = make({ keep: (map) => ({ ...map, data: { value: map.data?.["value"] ?? "" } }) });
    await started();
    expect(informer.store.get("default/a")?.data).to.deep.equal({ value: "old" });
    patch("a", "new");
    await seen("a", "new");
    expect(informer.store.get("default/a")?.data).to.deep.equal({ value: "new" });
  });

  const watchFaults: readonly WatchFault[] = [
    { kind: "reset" },
    { kind: "truncate" },
    { kind: "error", code: 410 },
    { kind: "error", code: 500 },
    { kind: "silence" },
    { kind: "end" },
    { kind: "replay", count: 10 },
  ];
  for (const fault of watchFaults)
    it(`a watch: ${Object.values(fault).join(" ")}`, async () => {
      // Short where it is what is tested: a busy machine is silent now and then.
      informer = make(fault.kind === "silence" ? { inactivityMs: 100 } : {});
      await started();
      patch("a", "1");
      await seen("a", "1");
      fake.breakWatches(fault);
      patch("a", "2");
      remove("b");
      await seen("a", "2");
      await waitFor(() => informer.store.size === 2, { what: "b gone", timeoutMs: 8000, everyMs: 2 });
      expect(changes.slice(3)).to.have.members(["updated a", "updated a", "deleted b"]);
    });

  const requestFaults: readonly RequestFault[] = [
    { kind: "reset" },
    { kind: "status", code: 410 },
    { kind: "status", code: 429, retryAfterSeconds: 1 },
    { kind: "status", code: 500 },
    { kind: "slow", ms: 50 },
  ];
  for (const verb of ["list", "watch"])
    for (const fault of requestFaults)
      it(`a ${verb}: ${Object.values(fault).join(" ")}`, async () => {
        failNext(verb, fault);
        const begun = performance.now();
        await started();
        patch("a", "1");
        await seen("a", "1");
        expect(changes).to.deep.equal(["added a", "added b", "added c", "updated a"]);
        if ("retryAfterSeconds" in fault) expect(performance.now() - begun).to.be.greaterThan(1000);
      });

  it("a list from a server that lags behind does not turn time back", async () => {
    await started();
    patch("a", "1");
    create("d", { value: "1" });
    await seen("d", "1");
    failNext("list", { kind: "stale", versions: 2 });
    fake.breakWatches({ kind: "error", code: 410 });
    await waitFor(() => fake.openWatches === 1, { what: "the watch", timeoutMs: 8000 });
    expect(changes.slice(3)).to.deep.equal(["updated a", "added d"]);
  });

  it("a cluster that was restored from a backup is believed in the end", async () => {
    informer = make({ backoff: { initialMs: 2, maxMs: 2, factor: 1 } });
    await started();
    create("d", { value: "1" });
    await seen("d", "1");
    fake.faults = {
      ...NO_FAULTS,
      request: (verb) => (verb === "list" ? { kind: "stale", versions: 1 } : undefined),
    };
    const before = fake.requests.get("list") ?? 0;
    fake.breakWatches({ kind: "error", code: 410 });
    await waitFor(() => changes.includes("deleted d"), { what: "the past", timeoutMs: 8000, everyMs: 2 });
    expect((fake.requests.get("list") ?? 0) - before).to.be.greaterThanOrEqual(STALE_LISTS);
  });

  it("an audit finds what was lost, and puts it right", async () => {
    await informer.stop();
    informer = make({ auditEveryMs: 0 });
    await started();
    // What the store would hold if an event had been lost.
    const { metadata, ...rest } = informer.store.get("default/a") as ConfigMap;
    informer.store.put({ ...rest, metadata: { ...metadata, resourceVersion: "1" } });
    fake.breakWatches({ kind: "replay", count: 1 });
    patch("c", "1");
    await seen("c", "1");
    fake.breakWatches({ kind: "end" });
    await waitFor(() => missed > 0, { what: "the audit", timeoutMs: 8000 });
    expect(missed).to.equal(1);
    expect(informer.store.get("default/a")?.metadata.resourceVersion).to.equal(metadata.resourceVersion);
  });

  it("whoever waits for the start is told of the end", async () => {
    fake.faults = { ...NO_FAULTS, request: () => ({ kind: "status", code: 500 }) };
    informer.start();
    const waiting = informer.synced().catch((error: unknown) => (error as Error).message);
    await informer.stop();
    expect(await waiting).to.equal("the informer of configmaps was stopped");
  });
});

describe("what reaches a queue", () => {
  const object = (metadata: Partial<AnyObject["metadata"]>): AnyObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "n", ...metadata },
  });
  const update = (
    previous: Partial<AnyObject["metadata"]>,
    now: Partial<AnyObject["metadata"]>,
  ): Change<AnyObject> => ({ kind: "updated", previous: object(previous), object: object(now) });

  it("predicates look at what changed", () => {
    expect(generationChanged(update({ generation: 1 }, { generation: 2 }))).to.equal(true);
    expect(generationChanged(update({ generation: 2 }, { generation: 2, labels: {} }))).to.equal(false);
    expect(labelsChanged(update({ labels: { a: "1" } }, { labels: { a: "2" } }))).to.equal(true);
    expect(deletionStarted(update({}, { deletionTimestamp: "2026-01-01T00:00:00Z" }))).to.equal(true);
    expect(anyOf(generationChanged, labelsChanged)(update({}, {}))).to.equal(false);
    for (const kind of ["added", "deleted"] as const)
      expect(generationChanged({ kind, object: object({}) }), kind).to.equal(true);
  });

  it("an object is its controller's, and of who controlled it before", () => {
    const owner = (name: string) => ({
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name, uid: name, controller: true }],
    });
    const handlers: ((change: Change<AnyObject>) => void)[] = [];
    const store = {
      onChange: (handler: (change: Change<AnyObject>) => void) => (handlers.push(handler), () => {}),
    };
    const keys: string[] = [];
    feed({ store } as never, { enqueue: (key) => keys.push(key) }, { map: controllerKey(RESOURCES.job) });
    handlers[0]?.(update(owner("before"), owner("after")));
    handlers[0]?.({ kind: "added", object: object({}) });
    expect(keys).to.deep.equal(["n/before", "n/after"]);
  });
});
