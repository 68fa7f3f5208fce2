import { expect } from "chai";
import { formationS } from "../src/control-plane/ours.ts";
import { controlPlaneRows } from "../src/control-plane/rows.ts";
import { longestGap } from "../src/control-plane/writes.ts";

describe("the longest time without a write", () => {
  it("counts from the cut, in whatever order answers came", () => {
    expect(longestGap([900, 1100, 9000, 4000], 1000)).to.equal(5000);
    expect(longestGap([7000], 1000)).to.equal(6000);
  });

  it("is no number where none was acknowledged any more", () => {
    expect(longestGap([900], 1000)).to.deep.equal(Number.NaN);
  });
});

describe("the time of a formation", () => {
  it("goes from the first machine's start to the last one's Ready", () => {
    const printed = "    0.4 s  checked this host\n    2.0 s  started m1\n    2.5 s  started m2\n";
    expect(
      formationS(`${printed}   41.0 s  n-bbbbbbbbbb is Ready\n   42.5 s  n-aaaaaaaaaa is Ready\n`),
    ).to.equal(40.5);
  });
});

describe("what was measured of control planes", () => {
  const loss = { silentMs: 4000, controllersMs: 17_000 };
  const rows = controlPlaneRows(
    [
      {
        subject: "ours",
        upS: [50, 60, 55],
        losses: [{ ...loss, operatorMs: 16_000, votersMs: 26_000 }, loss],
        cyclesMs: [],
      },
    ],
    { servers: 3, cycled: 5, graceS: 20 },
  );

  it("is a row for each thing, with medians and the longest", () => {
    expect(rows[0]).to.deep.equal(["from power to 3 servers Ready", "ours", "3", "55.0", "60.0"]);
    expect(rows[1]?.slice(1)).to.deep.equal(["ours", "2", "4.0", "4.0"]);
  });

  it("counts only what was seen, and says nothing of what was not", () => {
    expect(rows[3]?.slice(1)).to.deep.equal(["ours", "1", "16.0", "16.0"]);
    expect(rows[5]?.slice(1)).to.deep.equal(["ours", "0", "", ""]);
  });
});
