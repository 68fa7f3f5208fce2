import { expect } from "chai";
import { chooseDistribution, type DistributionName } from "../src/plan/choice.ts";

describe("what runs Kubernetes", () => {
  const cases: readonly {
    readonly name: string;
    readonly wanted?: DistributionName;
    readonly installed: readonly DistributionName[];
    readonly expected: string;
  }[] = [
    { name: "is what is installed", installed: ["k3s"], expected: "k3s" },
    { name: "is kubeadm where both are", installed: ["k3s", "kubeadm"], expected: "kubeadm" },
    { name: "is kubeadm where nothing is yet", installed: [], expected: "kubeadm" },
    { name: "is what was told", wanted: "k3s", installed: ["k3s", "kubeadm"], expected: "k3s" },
  ];
  for (const { name, wanted, installed, expected } of cases)
    it(name, () => expect(chooseDistribution(wanted, new Set(installed))).to.equal(expected));

  it("has to be installed if it was told, and the error names the package", () => {
    expect(() => chooseDistribution("k3s", new Set<DistributionName>(["kubeadm"]))).to.throw(
      "install the package cluster-os-k3s",
    );
  });
});
