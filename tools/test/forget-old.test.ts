import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

const PROGRAM = join(import.meta.dirname, "../root-tree/forget-old.sh");

describe("trees of earlier recipes", () => {
  let cache = "";
  const ages: Readonly<Record<string, number>> = {
    "tree-a": 5,
    "tree-b": 4,
    "tree-c": 3,
    "tree-d": 2,
    other: 9,
  };

  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), "cluster-os-cache-"));
    for (const [name, age] of Object.entries(ages)) {
      mkdirSync(join(cache, name));
      utimesSync(join(cache, name), 1_000_000 - age, 1_000_000 - age);
    }
  });
  afterEach(() => rmSync(cache, { recursive: true }));

  const left = (pattern: string, count: number, ...excepted: readonly string[]): readonly string[] => {
    const paths = excepted.map((name) => join(cache, name));
    execFileSync(PROGRAM, [cache, pattern, String(count), ...paths], { stdio: "pipe" });
    return readdirSync(cache).sort();
  };

  it("go, but for the newest, and for those that are named", () => {
    expect(left("tree-*", 1, "tree-a")).to.deep.equal(["other", "tree-a", "tree-d"]);
  });

  it("stay as long as they are few", () => {
    expect(left("tree-*", 4)).to.deep.equal(Object.keys(ages).sort());
  });

  it("are none in a cache that is new", () => {
    expect(left("none-*", 1)).to.deep.equal(Object.keys(ages).sort());
    expect(left("other", 1, "other")).to.deep.equal(Object.keys(ages).sort());
  });
});
