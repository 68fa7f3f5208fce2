import { MemberList, ramText } from "@cluster-os/api";
import { expect } from "chai";

describe("the member list", () => {
  const cases: readonly [number, string][] = [
    [64 * 2 ** 30 - 400 * 2 ** 20, "64GB"],
    [2 ** 30, "1GB"],
    [512 * 2 ** 20, "0.5GB"],
    [0, "0GB"],
  ];
  for (const [bytes, text] of cases)
    it(`${bytes} bytes are ${text}`, () => expect(ramText(bytes)).to.equal(text));

  it("has the shape that was asked for", () => {
    const list = [
      {
        name: "n-mfzwizltoq",
        node_id: `ed25519:${"0a".repeat(32)}`,
        roles: ["slurm-worker", "k8s-node"],
        capabilities: { cpu: 16, ram: "64GB", gpu: false },
        status: "healthy",
      },
    ];
    expect(MemberList.parse(list)).to.deep.equal(list);
  });
});
