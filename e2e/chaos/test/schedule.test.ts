import { expect } from "chai";
import fc from "fast-check";
import { describeFault, drawRounds, type Fault, type Round } from "../schedule.ts";

function first(count: number, seed: number, machines: number): readonly Round[] {
  const rounds: Round[] = [];
  for (const round of drawRounds(seed, machines)) if (rounds.push(round) === count) break;
  return rounds;
}

const machinesOf = (fault: Fault): readonly number[] =>
  fault.kind === "partition"
    ? fault.sides.flat()
    : fault.kind === "power-cut"
      ? fault.machines
      : [fault.machine];

describe("faults drawn by a seed", () => {
  const seeds = fc.integer();
  const sizes = fc.integer({ min: 3, max: 9 });

  it("are the same for the same seed, and others for another", () => {
    fc.assert(
      fc.property(seeds, sizes, (seed, machines) => {
        expect(first(20, seed, machines)).to.deep.equal(first(20, seed, machines));
      }),
    );
    expect(first(20, 1, 5)).to.not.deep.equal(first(20, 2, 5));
  });

  it("name machines that are there, each in one fault of a round besides a split, which has two sides and all machines", () => {
    fc.assert(
      fc.property(seeds, sizes, (seed, machines) => {
        for (const { faults } of first(50, seed, machines)) {
          for (const fault of faults) {
            const named = machinesOf(fault);
            expect(named.every((one) => one >= 1 && one <= machines)).to.equal(true);
            expect(new Set(named).size).to.equal(named.length);
            if (fault.kind === "partition") {
              expect(named).to.have.length(machines);
              expect(fault.sides.every(({ length }) => length > 0)).to.equal(true);
            }
          }
          const cut = faults.filter(({ kind }) => kind !== "partition").flatMap(machinesOf);
          expect(new Set(cut).size).to.equal(cut.length);
          expect(faults.filter(({ kind }) => kind === "partition").length).to.be.at.most(1);
        }
      }),
    );
  });

  it("are of every kind before long, and told in words", () => {
    const faults = first(200, 7, 5).flatMap((round) => round.faults);
    expect(new Set(faults.map(({ kind }) => kind)).size).to.equal(4);
    expect(faults.some((fault) => fault.kind === "power-cut" && fault.machines.length === 5)).to.equal(true);
    expect(
      (
        [
          { kind: "power-cut", machines: [1, 2] },
          { kind: "partition", sides: [[1], [2, 3]] },
          { kind: "kill", machine: 3, program: "etcd" },
          { kind: "freeze", machine: 2, program: "cluster-os-bootstrap" },
        ] as const
      ).map(describeFault),
    ).to.deep.equal([
      "no power: m1, m2",
      "split: m1 from m2, m3",
      "etcd killed on m3",
      "cluster-os-bootstrap frozen on m2",
    ]);
  });
});
