import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { countsOf, exitCodeOf, readCounts, sum, summaryLine } from "./counts.ts";

describe("counts of test runs", () => {
  let folder = "";
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "cluster-os-counts-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const results = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  const cases = [
    { name: "what the reporter wrote", content: '{"passed":3,"failed":1,"skipped":2}', expected: [3, 1] },
    { name: "nothing ran", content: '{"passed":0,"failed":0,"skipped":2}', expected: [0, 1] },
    { name: "cut short by a crash", content: '{"passed":3,', expected: [0, 1] },
    { name: "not counts at all", content: '{"passed":"3"}', expected: [0, 1] },
  ];
  for (const { name, content, expected } of cases) {
    it(name, () => {
      const { passed, failed } = readCounts(results("one.json", content));
      expect([passed, failed]).to.deep.equal(expected);
    });
  }

  it("no results file is a failure", () => {
    expect(readCounts(join(folder, "none.json"))).to.deep.equal({ passed: 0, failed: 1 });
  });

  it("adds up, and does not believe a command that ended badly", () => {
    const files = [
      results("a.json", '{"passed":2,"failed":0}'),
      results("b.json", '{"passed":5,"failed":0}'),
    ];
    expect(countsOf(files, 0)).to.include({ passed: 7, failed: 0 });
    expect(countsOf(files, 1)).to.include({ passed: 7, failed: 1 });
  });

  it("knows what failed, and why, a line each", () => {
    const failures = [{ title: "mesh drops peers", reason: "it ended with 1:\n  why\n\n" }];
    const file = results("a.json", JSON.stringify({ passed: 2, failed: 1, failures }));
    expect(sum([readCounts(file)]).failures).to.deep.equal(["mesh drops peers: it ended with 1: | why"]);
  });

  it("ends with one plain line, and zero only if something passed and nothing failed", () => {
    expect(summaryLine({ passed: 12, failed: 0 })).to.equal("12 passed, 0 failed");
    expect(exitCodeOf({ passed: 12, failed: 0 })).to.equal(0);
    expect(exitCodeOf({ passed: 12, failed: 1 })).to.equal(1);
    expect(exitCodeOf({ passed: 0, failed: 0 })).to.equal(1);
  });
});
