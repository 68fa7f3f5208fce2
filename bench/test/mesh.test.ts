import { expect } from "chai";
import { rateOf, throughputRows } from "../src/mesh/rows.ts";

describe("mesh throughput", () => {
  it("is in megabits per second", () => {
    expect(rateOf({ bytes: 125_000_000, ms: 1000 })).to.equal(1000);
  });

  it("has a row per carrier: the median of its rounds, and what that is of a plain cable", () => {
    const at = (carrier: "plain" | "kernel", mbits: number) => ({
      carrier,
      bytes: mbits * 125_000,
      ms: 1000,
    });
    const transfers = [
      at("plain", 900),
      at("kernel", 500),
      at("plain", 1100),
      at("kernel", 400),
      at("kernel", 450),
    ];
    expect(throughputRows(transfers)).to.deep.equal([
      ["plain cable", "1000", "900 - 1100", "100"],
      ["WireGuard in the kernel", "450", "400 - 500", "45"],
    ]);
  });
});
