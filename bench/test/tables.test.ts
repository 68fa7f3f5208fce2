import { expect } from "chai";
import { addUsage, daemonRows, parseUsage } from "../src/daemons.ts";
import { markdownTable } from "../src/markdown.ts";
import { failoverRow } from "../src/slurm/failover.ts";
import { parseSteps, stepRows } from "../src/steps.ts";

const UP = `    0.4 s  checked this host
    2.0 s  started m1
    2.1 s  started m2
    3.0 s  m1 is n-aaaaaaaaaa
    3.2 s  m2 is n-bbbbbbbbbb
    5.0 s  m2 mesh up
    5.5 s  m1 mesh up
   41.0 s  n-bbbbbbbbbb is Ready
   42.5 s  n-aaaaaaaaaa is Ready

$ kubectl get clusternodes -o wide
NAME           ROLES
`;

describe("steps of a formation", () => {
  it("are read from what up prints, and nothing else of it", () => {
    expect(parseSteps(UP)).to.have.length(9);
    expect(parseSteps(UP)[5]).to.deep.equal({ seconds: 5, machine: "m2", what: "mesh up" });
  });

  it("have the first machine's time and the last one's", () => {
    expect(stepRows(parseSteps(UP), 2)).to.deep.equal([
      ["checked this host", "0.4", "0.4", ""],
      ["started a machine", "2.0", "2.1", "2/2"],
      ["local API answers", "3.0", "3.2", "2/2"],
      ["mesh up", "5.0", "5.5", "2/2"],
      ["ClusterNode is Ready", "41.0", "42.5", "2/2"],
    ]);
  });
});

describe("daemons at rest", () => {
  it("are read from proc, whatever the program is called", () => {
    const smaps = "Rss:               2048 kB\nPss:               1024 kB\nPss_Dirty:          12 kB\n";
    const stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 1 2 3 4 30 12 0 0 20 0 1 0 999 1 1";
    expect(parseUsage(smaps, stat)).to.deep.equal({ pssKib: 1024, rssKib: 2048, ticks: 42 });
  });

  it("are shown with memory at the end and the processor's share between", () => {
    const usage = { pssKib: 1024, rssKib: 2048, ticks: 10 };
    const after = addUsage(usage, { pssKib: 512, rssKib: 0, ticks: 30 });
    expect(daemonRows([{ machine: "m1", unit: "x", before: usage, after }], 30)).to.deep.equal([
      ["m1", "x", "1.5", "2.0", "1.00 %"],
    ]);
  });

  it("make a table that Markdown aligns", () => {
    expect(markdownTable(["daemon", "PSS (MiB)"], [["x", "1.5"]])).to.equal(
      "| daemon | PSS (MiB) |\n| --- | ---: |\n| x | 1.5 |\n",
    );
  });
});

describe("losses of SLURM's controller", () => {
  it("are a row of medians and the longest", () => {
    const failovers = [9000, 31_000, 12_000].map((ms) => ({
      startedMs: ms - 2000,
      newMs: ms,
      repeatedMs: 2 * ms,
    }));
    const cells = ["a worker", "3", "10.0", "12.0", "31.0", "24.0", "62.0"];
    expect(failoverRow("a worker", failovers)).to.deep.equal(cells);
  });

  it("say nothing of a slurmctld that nobody had to start", () => {
    const cells = ["the first of two", "1", "", "20.6", "20.6", "30.1", "30.1"];
    expect(failoverRow("the first of two", [{ newMs: 20_600, repeatedMs: 30_100 }])).to.deep.equal(cells);
  });
});
