import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseJobs, parseNodes, SlurmAnswerError, summarise, type NodeView } from "@cluster-os/slurm";
import { expect } from "chai";

/** As SLURM 24.11.5 said it; test/slurmctld.sh has it said anew. */
const answer = (name: string): string => readFileSync(join(import.meta.dirname, "answers", name), "utf8");

describe("what SLURM says", () => {
  it("a node that is drained while a job runs", () => {
    expect(parseNodes(answer("nodes.json"))).to.deep.equal([
      {
        name: "n-a",
        states: ["MIXED", "DRAIN", "DYNAMIC_NORM"],
        reason: "cluster-os: cordoned in Kubernetes",
        reasonBy: "root",
        comment: "",
      },
    ]);
  });

  it("a job that runs and one that is held", () => {
    expect(parseJobs(answer("jobs.txt"))).to.deep.equal({
      counts: { running: 1, pending: 1 },
      running: [{ id: 2, startedAt: 1_795_300_884 }],
      launchFailed: [],
    });
  });

  it("jobs that wait, begin, end, or were refused", () => {
    const lines = [
      "JOBID|STATE|START_TIME|REASON",
      "3|CONFIGURING|1795300884|None",
      "4|COMPLETING|1795300884|None",
      "5|PENDING|N/A|launch failed requeued held",
      "6|PENDING|1795300999|Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions",
      "7|SUSPENDED|1795300884|None",
    ];
    expect(parseJobs(`${lines.join("\n")}\n`)).to.deep.equal({
      counts: { running: 2, pending: 2 },
      running: [],
      launchFailed: [5],
    });
    expect(parseJobs(`${lines[0]}\n`).counts).to.deep.equal({ running: 0, pending: 0 });
  });

  const noQueue = [
    { name: "nothing", text: "" },
    { name: "an error in words", text: "slurm_load_jobs error: Unable to contact slurm controller" },
    { name: "jobs without a header", text: "2|RUNNING|1795300884|None" },
    { name: "half a line", text: `${answer("jobs.txt")}4|PEND` },
  ];
  for (const { name, text } of noQueue) {
    it(`${name} is no queue`, () => {
      expect(() => parseJobs(text)).to.throw(SlurmAnswerError);
    });
  }

  const unknown = [
    { name: "nothing", text: "" },
    { name: "an error in words", text: "slurm_load_node error: Unable to contact slurm controller" },
    { name: "half an answer", text: answer("nodes.json").slice(0, 900) },
    { name: "an answer without nodes", text: "{}" },
    { name: "a node without a state", text: '{"nodes":[{"name":"n-a","state":[]}]}' },
    {
      name: "an error beside no nodes",
      text: '{"nodes":[],"errors":[{"error":"Unable to contact slurm controller"}]}',
    },
  ];
  for (const { name, text } of unknown) {
    it(`${name} is no state of any node`, () => {
      expect(() => parseNodes(text)).to.throw(SlurmAnswerError);
    });
  }

  it("each node counts once", () => {
    const node = (...states: string[]): NodeView => ({
      name: states.join(),
      states,
      reason: "",
      reasonBy: "root",
      comment: "",
    });
    const nodes = [
      node("IDLE"),
      node("MIXED"),
      node("ALLOCATED"),
      node("DOWN", "DRAIN"),
      node("IDLE", "DRAIN"),
      node("IDLE", "NOT_RESPONDING"),
    ];
    expect(summarise(nodes)).to.deep.equal({ total: 6, available: 3, down: 2, drained: 1 });
  });
});
