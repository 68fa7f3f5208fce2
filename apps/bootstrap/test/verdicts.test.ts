import { expect } from "chai";
import { planIdentity } from "../src/server/verdicts.ts";

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
