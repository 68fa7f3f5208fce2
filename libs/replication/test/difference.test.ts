import { expect } from "chai";
import fc from "fast-check";
import {
  applyDifference,
  encodeDifference,
  hashOf,
  SOUND_RULES,
  sortEntries,
  type Entry,
  type Manifest,
} from "../src/index.ts";
import { snapshot } from "./store.contract.ts";

const hash = hashOf(new Uint8Array(1));
const other = hashOf(new Uint8Array(2));

const entry = fc
  .record({ path: fc.stringMatching(/^[a-e]{1,2}$/), form: fc.nat(4) })
  .map(({ path, form }) => {
    const forms: readonly Entry[] = [
      { kind: "folder", path, mode: 0o700 },
      { kind: "link", path, target: "x" },
      { kind: "link", path, target: "y" },
      { kind: "file", path, mode: 0o600, size: 1, hash, blocks: [hash] },
      { kind: "file", path, mode: 0o600, size: 1, hash: other, blocks: [other] },
    ];
    return forms[form] as Entry;
  });
const entries = fc.uniqueArray(entry, { selector: ({ path }) => path }).map(sortEntries);

function manifest(sequence: number, of: readonly Entry[], replicas = ["a", "b"]): Manifest {
  return { ...snapshot(3, sequence, []), replicas, entries: of };
}

const apply = (base: Manifest, sequence: number, bytes: Uint8Array): Manifest =>
  applyDifference(base, sequence, bytes, SOUND_RULES);

describe("a difference between snapshots", () => {
  it("makes the one of the other, whatever they are", () => {
    fc.assert(
      fc.property(entries, entries, (before, after) => {
        const [base, next] = [manifest(4, before), manifest(6, after, ["a", "b", "c"])];
        expect(apply(base, 6, encodeDifference(base, next))).to.deep.equal(next);
      }),
    );
  });

  it("is short where little changed, and leaves what did not as it is", () => {
    const many = Array.from({ length: 1000 }, (_, at): Entry => {
      return { kind: "link", path: String(at).padStart(4, "0"), target: "x" };
    });
    const base = manifest(4, many);
    const next = manifest(5, [...many.slice(1), { kind: "folder", path: "a", mode: 0o700 }]);
    const difference = encodeDifference(base, next);
    expect(difference.length).to.be.below(100);
    expect(apply(base, 5, difference).entries[0]).to.equal(many[1]);
  });

  it("makes nothing of another base, or under another name", () => {
    const base = manifest(4, [{ kind: "folder", path: "a", mode: 0o700 }]);
    const next = manifest(5, []);
    const bytes = encodeDifference(base, next);
    const refused = "does not make what its leader has";
    expect(() => apply(manifest(4, [{ kind: "folder", path: "b", mode: 0o700 }]), 5, bytes)).to.throw(
      refused,
    );
    expect(() => apply(base, 6, bytes)).to.throw(refused);
  });

  it("that is torn, or no difference, is refused", () => {
    const base = manifest(4, []);
    const bytes = encodeDifference(base, manifest(5, [{ kind: "folder", path: "a", mode: 0o700 }]));
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => apply(base, 5, changed), `byte ${at}`).to.throw("difference");
      expect(() => apply(base, 5, bytes.subarray(0, at)), `${at} bytes`).to.throw("difference");
    }
  });
});
