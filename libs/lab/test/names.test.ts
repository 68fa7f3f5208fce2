import { expect } from "chai";
import fc from "fast-check";
import { LabError } from "../src/lab-error.ts";
import { hardwareAddress, isFabric, labNames } from "../src/names.ts";

describe("labNames", () => {
  it("names what a lab puts on the host after the lab", () => {
    const names = labNames("lab");
    expect(names.fabric).to.equal("cos-lab-fabric");
    expect(names.machine(3)).to.equal("cos-lab-m3");
  });

  it("knows its own machines again, and nobody else's", () => {
    const names = labNames("lab");
    const cases: [string, number | undefined][] = [
      ["cos-lab-m1", 1],
      ["cos-lab-m12", 12],
      ["cos-lab-m0", undefined],
      ["cos-lab-m1x", undefined],
      ["cos-lab-fabric", undefined],
      ["cos-lab2-m1", undefined],
      ["xcos-lab-m1", undefined],
    ];
    for (const [name, number] of cases) expect(names.numberOf(name), name).to.equal(number);
  });

  for (const name of ["", "Lab", "1lab", "a-m1", "a/b", "a b", "../x", "abcdefghijklmnopq"]) {
    it(`refuses ${JSON.stringify(name)}`, () => {
      expect(() => labNames(name)).to.throw(LabError, "is no name for a lab");
    });
  }
});

describe("isFabric", () => {
  it("tells the fabrics of labs from everything else", () => {
    expect(isFabric(labNames("lab").fabric)).to.equal(true);
    for (const name of ["cos-lab-m1", "cos--fabric", "fabric", "xcos-lab-fabric"])
      expect(isFabric(name)).to.equal(false);
  });
});

describe("hardwareAddress", () => {
  it("is a unicast address of local meaning, the same for the same machine", () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const address = hardwareAddress(name);
        expect(address).to.match(/^02(:[0-9a-f]{2}){5}$/);
        expect(hardwareAddress(name)).to.equal(address);
      }),
    );
  });

  it("differs between machines and labs", () => {
    const machines = ["a", "b"].flatMap((lab) => [1, 2, 3].map((number) => labNames(lab).machine(number)));
    expect(new Set(machines.map(hardwareAddress)).size).to.equal(machines.length);
  });
});
