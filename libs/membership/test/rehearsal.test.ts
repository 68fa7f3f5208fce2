import { seededRng } from "@cluster-os/std";
import { expect } from "chai";
import { rehearse } from "../src/index.ts";

describe("a rehearsal", () => {
  it("ends, whatever is drawn, and gives others a turn after each message", () => {
    for (let seed = 1; seed <= 20; seed += 1)
      expect([...rehearse(seededRng(seed))].length, `seed ${seed}`).to.be.within(100, 1_000);
  });
});
