import { expect } from "chai";
import { fuzzAnswers } from "./fuzz.ts";

describe("damaged answers of a userspace WireGuard", () => {
  it("are read or refused by name (a sample; `nx run @cluster-os/mesh:fuzz` takes a count)", () => {
    const { read, refused } = fuzzAnswers(3_000, 1);
    expect(read).to.be.greaterThan(300);
    expect(refused).to.be.greaterThan(300);
  });
});
