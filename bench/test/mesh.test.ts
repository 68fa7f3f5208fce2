import { expect } from "chai";
import { CARRIERS, type Carrier } from "../src/mesh/carriers.ts";
import { carrierRows, rateOf, type Transfer } from "../src/mesh/rows.ts";

const [PLAIN, KERNEL, BY_HAND] = CARRIERS;

describe("what a mesh costs", () => {
  const at = (carrier: Carrier, mbits: number, change: Partial<Transfer> = {}): Transfer => ({
    carrier,
    bytes: mbits * 125_000,
    ms: 1000,
    busyMs: 500,
    roundTripUs: 40,
    ...change,
  });

  it("is in megabits per second", () => {
    expect(rateOf({ bytes: 125_000_000, ms: 1000 })).to.equal(1000);
  });

  it("has a row per carrier: medians of its rounds, and what that is of the first, a plain cable", () => {
    const transfers = [
      at(PLAIN, 900),
      at(KERNEL, 500),
      at(PLAIN, 1100),
      at(KERNEL, 400, { busyMs: 100, roundTripUs: 90 }),
      at(KERNEL, 450, { busyMs: 900, roundTripUs: 50 }),
    ];
    expect(carrierRows(transfers)).to.deep.equal([
      ["plain cable", "1000", "900 - 1100", "100", "4.0", "40"],
      ["WireGuard in the kernel", "450", "400 - 500", "45", "8.0", "50"],
    ]);
  });

  it("keeps carriers of one name apart", () => {
    const [, , , , programByHand] = CARRIERS;
    expect(BY_HAND.name).to.equal(programByHand.name);
    expect(carrierRows([at(BY_HAND, 100), at(programByHand, 50)])).to.have.length(2);
  });
});
