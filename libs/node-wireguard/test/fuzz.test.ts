import { expect } from "chai";
import { fuzzNetlink } from "./fuzz.ts";

describe("damaged answers over netlink", () => {
  it("are read or refused by name (a sample; `nx run @cluster-os/node-wireguard:fuzz` takes a count)", () => {
    const { read, refused } = fuzzNetlink(2_000, 1);
    expect(read).to.be.greaterThan(200);
    expect(refused).to.be.greaterThan(200);
  });
});
