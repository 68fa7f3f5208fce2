import { findCondition, setCondition, type Condition } from "@cluster-os/api";
import { expect } from "chai";

const BEFORE = "2026-01-01T00:00:00Z";
const NOW = "2026-01-02T00:00:00Z";
const ready: Condition = {
  type: "Ready",
  status: "True",
  reason: "Fine",
  message: "",
  lastTransitionTime: BEFORE,
  observedGeneration: 1,
};
const mesh: Condition = { ...ready, type: "MeshConnected" };

describe("conditions", () => {
  it("a new one begins now", () => {
    const { lastTransitionTime: _, ...observed } = ready;
    expect(setCondition([mesh], observed, NOW)).to.deep.equal([mesh, { ...ready, lastTransitionTime: NOW }]);
  });

  it("another status begins now, in its place", () => {
    const changed = setCondition([ready, mesh], { ...ready, status: "False", reason: "Broken" }, NOW);
    expect(changed).to.deep.equal([
      { ...ready, status: "False", reason: "Broken", lastTransitionTime: NOW },
      mesh,
    ]);
  });

  it("another reason or generation does not begin anew", () => {
    const [changed] = setCondition([ready], { ...ready, reason: "Better", observedGeneration: 2 }, NOW);
    expect(changed).to.deep.equal({ ...ready, reason: "Better", observedGeneration: 2 });
  });

  it("observing the same again changes nothing", () => {
    expect(setCondition([ready, mesh], ready, NOW)).to.deep.equal([ready, mesh]);
  });

  it("is found by its type", () => {
    expect(findCondition([ready, mesh], "MeshConnected")).to.equal(mesh);
    expect(findCondition(undefined, "Ready")).to.equal(undefined);
  });
});
