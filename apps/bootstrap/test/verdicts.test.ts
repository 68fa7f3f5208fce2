import { expect } from "chai";
import { planExposure, planIdentity } from "../src/server/verdicts.ts";

describe("planIdentity", () => {
  const table = [
    { name: "the admitted key", admitted: "a", reported: "a", status: "True" },
    { name: "another key", admitted: "a", reported: "b", status: "False" },
    { name: "not admitted", admitted: undefined, reported: "a", status: "False" },
    { name: "not reported yet", admitted: "a", reported: undefined, status: "Unknown" },
  ];
  for (const { name, admitted, reported, status } of table) {
    it(name, () => {
      expect(planIdentity(admitted, reported).status).to.equal(status);
    });
  }
});

describe("planExposure", () => {
  it("says nothing while no revoked server's keys are in use", () => {
    expect(planExposure([])).to.equal(undefined);
  });

  it("names the servers, and the guide", () => {
    const verdict = planExposure(["n-a", "n-b"]);
    expect(verdict).to.include({ status: "True", reason: "ServerRevoked" });
    expect(verdict?.message).to.include("n-a, n-b").and.include("docs/guides/revoking-nodes.md");
  });
});
