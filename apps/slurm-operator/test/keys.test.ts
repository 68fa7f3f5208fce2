import { slurmKeysObject, type SlurmKeys } from "@cluster-os/api";
import { seededRng } from "@cluster-os/std";
import { expect } from "chai";
import { keysAfter } from "../src/keys-after.ts";
import { planKeys, type KeysAction, type KeysObserved } from "../src/plan/keys.ts";
import { machine, NOW } from "./fixtures.ts";

const iso = (offsetMs: number): string => new Date(NOW + offsetMs).toISOString();
const key = (generation: number, madeAt = iso(-1000)) => ({
  generation,
  secret: new Uint8Array(128),
  madeAt,
});
const one: SlurmKeys = { current: key(1), jwt: new Uint8Array(32), askedBy: "", revocations: "" };
const staged: SlurmKeys = { ...one, next: key(2) };
const switched = (offsetMs: number): SlurmKeys => ({ ...staged, switchAt: iso(offsetMs) });
const has = (current: number, next?: number) => ({
  keyGenerations: { current, ...(next !== undefined && { next }) },
});

describe("planKeys", () => {
  const cases: readonly (Partial<KeysObserved> & {
    readonly name: string;
    readonly expected: Partial<KeysAction> | undefined;
  })[] = [
    { name: "makes the first one", keys: undefined, expected: { kind: "create" } },
    { name: "leaves well alone", expected: undefined },
    {
      name: "after its time",
      keys: { ...one, current: key(1, iso(-3_600_000)) },
      expected: { kind: "stage", generation: 2 },
    },
    { name: "when somebody asks", asked: "now", expected: { kind: "stage", generation: 2 } },
    {
      name: "once for each time that somebody asks",
      asked: "now",
      keys: { ...one, askedBy: "now" },
      expected: undefined,
    },
    {
      name: "when a node is revoked",
      revocations: "abc",
      expected: { kind: "stage", generation: 2, reason: "a node was revoked" },
    },
    {
      name: "waits until every machine that answers has it",
      keys: staged,
      machines: [machine("n-a", has(1, 2)), machine("n-b", has(1))],
      expected: undefined,
    },
    {
      name: "does not wait for one that is away",
      keys: staged,
      machines: [machine("n-a", has(1, 2)), machine("n-b", has(1), { isReady: false })],
      expected: { kind: "switch", at: iso(5000) },
    },
    {
      name: "nor for one without SLURM",
      keys: staged,
      machines: [machine("n-a", has(1, 2)), machine("n-b", {}, { slurm: undefined })],
      expected: { kind: "switch" },
    },
    {
      name: "another node revoked meanwhile may have read it: yet another key",
      keys: staged,
      revocations: "abc",
      machines: [machine("n-a", has(1, 2))],
      expected: { kind: "stage", generation: 3 },
    },
    {
      name: "before the instant nothing happens",
      keys: switched(1),
      machines: [machine("n-a", has(1, 2))],
      expected: undefined,
    },
    {
      name: "after it, when all have changed, the old one goes",
      keys: switched(-1),
      machines: [machine("n-a", has(2))],
      expected: { kind: "promote" },
    },
    {
      name: "after it, one that has not changed is waited for",
      keys: switched(-1),
      machines: [machine("n-a", has(1, 2))],
      expected: undefined,
    },
    {
      name: "but not for ever",
      keys: switched(-60_000),
      machines: [machine("n-a", has(1, 2))],
      expected: { kind: "promote" },
    },
    {
      name: "where several keys count, the old one stays for a while",
      auth: "slurm",
      keys: switched(-60_000),
      machines: [machine("n-a", has(2))],
      expected: undefined,
    },
    {
      name: "and goes then",
      auth: "slurm",
      keys: switched(-120_000),
      machines: [machine("n-a", has(2))],
      expected: { kind: "promote" },
    },
  ];
  for (const { name, expected, ...given } of cases) {
    it(name, () => {
      const observed: KeysObserved = {
        keys: one,
        auth: "munge",
        rotationSeconds: 3600,
        asked: "",
        revocations: "",
        machines: [machine("n-a")],
        nowMs: NOW,
        patience: 1,
        ...given,
      };
      const action = planKeys(observed);
      if (expected === undefined) expect(action).to.equal(undefined);
      else expect(action).to.deep.include(expected);
    });
  }

  it("a whole rotation: made, handed out, switched, done; generations grow and no key is told", () => {
    const rng = seededRng(5);
    const given = { asked: "", revocations: "abc", nowMs: NOW };
    let after = keysAfter({ kind: "create" }, { keys: undefined, ...given }, rng);
    const first = after.keys;
    for (const action of [
      { kind: "stage", generation: 2, reason: "test" },
      { kind: "switch", at: iso(5000) },
      { kind: "promote" },
    ] as const) {
      after = keysAfter(action, { keys: after.keys, ...given }, rng);
      const { metadata, data } = slurmKeysObject("default", after.keys);
      expect(JSON.stringify([metadata, after.reason, after.note])).not.to.contain(data.current);
    }
    expect(after.keys.current.generation).to.equal(2);
    expect(after.keys).not.to.have.any.keys("next", "switchAt");
    expect(after.keys.revocations).to.equal("abc");
    expect(after.keys.jwt).not.to.deep.equal(first.jwt);
  });
});
