import { expect } from "chai";
import fc from "fast-check";
import { applyIfNeeded, isApplied, KubeClient, RESOURCES, type AnyObject } from "../src/index.ts";
import { FakeApiServer } from "./fake/index.ts";
import { fieldsOf } from "./fake/fields.ts";

const MANAGER = { fieldManager: "me" };
const META = { apiVersion: "v1", kind: "Thing" } as const;

/** Values as objects have them: maps, lists, and conditions, which are told apart by their type. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.boolean(),
    fc.nat(3),
    fc.string({ maxLength: 2 }),
    tie("list"),
    tie("map"),
  ),
  list: fc.array(fc.nat(2), { maxLength: 2 }),
  map: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
}));
const conditions = fc.uniqueArray(
  fc.record({ type: fc.constantFrom("Ready", "Seen"), status: fc.constantFrom("True", "False") }),
  { selector: ({ type }) => type },
);
const wish = fc
  .record({ spec: value, status: fc.record({ conditions, index: fc.nat(3) }) })
  .map((fields): AnyObject => ({ ...META, metadata: { name: "x", labels: { app: "x" } }, ...fields }));

/** The object after an apply of `applied`, with something of somebody else beside it. */
function live(applied: AnyObject): AnyObject {
  const managedFields = [{ manager: "me", operation: "Apply", fieldsV1: fieldsOf(applied) }];
  const metadata = {
    ...applied.metadata,
    uid: "1",
    labels: { ...applied.metadata.labels, other: "y" },
    managedFields,
  };
  return { ...(JSON.parse(JSON.stringify(applied)) as AnyObject), metadata, foreign: { z: 1 } };
}

describe("no-op detection", () => {
  it("the same again is no write", () => {
    fc.assert(
      fc.property(wish, (wished) => {
        expect(isApplied(live(wished), wished, MANAGER)).to.equal(true);
      }),
    );
  });

  it("something else is a write", () => {
    fc.assert(
      fc.property(wish, wish, (before, after) => {
        fc.pre(JSON.stringify(sorted(before)) !== JSON.stringify(sorted(after)));
        expect(isApplied(live(before), after, MANAGER)).to.equal(false);
      }),
    );
  });

  const applied = { ...META, metadata: { name: "x" }, spec: { a: 1, list: [1] } };
  const writes: readonly {
    readonly name: string;
    readonly live: AnyObject | undefined;
    readonly wish?: AnyObject;
  }[] = [
    { name: "there is none", live: undefined },
    { name: "its managed fields are not known", live: { ...live(applied), metadata: { name: "x" } } },
    { name: "somebody changed a field", live: { ...live(applied), spec: { a: 2, list: [1] } } },
    { name: "somebody removed a field", live: { ...live(applied), spec: { list: [1] } } },
    { name: "a field is wished for no more", live: live(applied), wish: { ...applied, spec: { list: [1] } } },
    { name: "a new field is wished for", live: live(applied), wish: { ...applied, other: 1 } },
    { name: "a list grew", live: live(applied), wish: { ...applied, spec: { a: 1, list: [1, 2] } } },
  ];
  for (const { name, live: known, wish: wished = applied } of writes)
    it(`a write: ${name}`, () => expect(isApplied(known, wished, MANAGER)).to.equal(false));

  it("what another manager, or another part, applied is not this one's", () => {
    expect(isApplied(live(applied), applied, { fieldManager: "you" })).to.equal(false);
    expect(isApplied(live(applied), applied, { ...MANAGER, subresource: "status" })).to.equal(false);
  });

  it("spares the request", async () => {
    await using fake = await FakeApiServer.start([RESOURCES.configMap]);
    using client = new KubeClient(fake.connection);
    const metadata = { name: "x", namespace: "default", labels: { a: "b" } };
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "1" } };
    const first = await applyIfNeeded(client, RESOURCES.configMap, undefined, map, MANAGER);
    const second = await applyIfNeeded(client, RESOURCES.configMap, first, map, MANAGER);
    expect(second).to.equal(first);
    const third = await applyIfNeeded(
      client,
      RESOURCES.configMap,
      second,
      { ...map, data: { a: "2" } },
      MANAGER,
    );
    expect([third.data, fake.requests.get("apply")]).to.deep.equal([{ a: "2" }, 2]);
  });
});

/** With the keys of all maps, and conditions, in one order: two wishes that differ in order only are one. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted);
    const isConditions = items.some((item) => typeof item === "object");
    return isConditions ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, sub]) => [key, sorted(sub)]),
  );
}
