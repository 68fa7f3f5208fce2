import { expect } from "chai";
import { planReading, slurmReadingOrder } from "../src/index.ts";

function plan(files: readonly string[], before: readonly string[] = []): readonly string[] {
  return planReading(slurmReadingOrder, files, before).map(({ path }) => path);
}

describe("how SLURM writes its state", () => {
  it("job_state first, then node_state, then the rest of the top, then what belongs to jobs", () => {
    const files = [
      "assoc_mgr_state",
      "hash.1/job.11/script",
      "job_state",
      "node_state",
      "hash.0/job.10/script",
    ];
    expect(plan(files)).to.deep.equal([
      "job_state",
      "node_state",
      "assoc_mgr_state",
      "hash.0/job.10/script",
      "hash.1/job.11/script",
    ]);
  });

  it("drafts are not kept, nor what was before", () => {
    expect(plan(["job_state", "job_state.old", "job_state.new", "heartbeat"])).to.deep.equal(["job_state"]);
  });

  it("what was before stands in for what is being replaced", () => {
    const [step] = planReading(slurmReadingOrder, ["job_state.old", "job_state.new"]);
    expect(step).to.deep.equal({ path: "job_state", sources: ["job_state", "job_state.old", "job_state"] });
  });

  it("what was there once is looked for, though the listing missed it", () => {
    expect(plan(["clustername"], ["job_state", "trigger_state"])).to.deep.equal(["job_state", "clustername"]);
  });
});
