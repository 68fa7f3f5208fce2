import { compareVersions } from "@cluster-os/kubernetes";
import { expect } from "chai";
import fc from "fast-check";
import { refuseVersion } from "../../src/upgrade/version.ts";

describe("versions of Kubernetes", () => {
  const version = fc
    .tuple(fc.integer({ min: 1, max: 2 }), fc.nat(40), fc.nat(20))
    .map((parts) => ({ parts, text: `v${parts.join(".")}` }));

  it("are in the order of their three numbers", () => {
    fc.assert(
      fc.property(version, version, (left, right) => {
        const at = [0, 1, 2].find((place) => left.parts[place] !== right.parts[place]);
        const expected = at === undefined ? 0 : Math.sign((left.parts[at] ?? 0) - (right.parts[at] ?? 0));
        expect(Math.sign(compareVersions(left.text, right.text))).to.equal(expected);
      }),
    );
  });

  it("what is none is older than all", () => {
    expect(compareVersions("", "v1.0.0")).to.be.below(0);
    expect(compareVersions("v1.34.3-rc.1", "v1.34.3")).to.equal(0);
  });

  it("of k3s may be several of one Kubernetes", () => {
    expect(compareVersions("v1.34.3+k3s1", "v1.34.3+k3s2")).to.be.below(0);
    expect(compareVersions("v1.34.4+k3s1", "v1.34.3+k3s2")).to.be.above(0);
    expect(compareVersions("v1.34.3+k3s1", "v1.34.3+k3s1")).to.equal(0);
  });

  const table: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ["v1.35.4", ["v1.34.4", "v1.34.4"], undefined],
    ["v1.34.5", ["v1.34.4"], undefined],
    ["v1.35.4", ["v1.34.4", "v1.35.4"], undefined],
    ["v1.35.4", ["v1.35.4"], undefined],
    ["v1.36.0", ["v1.35.4", "v1.34.4"], "first a package with v1.35"],
    ["v2.0.0", ["v1.35.4"], "first a package with v1.36"],
    ["v1.34.3", ["v1.34.4"], "does not go back to v1.34.3"],
    ["1.35", ["v1.34.4"], '"1.35" is no version'],
    ["v1.35.4", ["v1.34.4", ""], 'n-2 says that it runs "", which is no version'],
  ];
  for (const [wanted, present, reason] of table) {
    it(`${present.join(" and ")} to ${wanted}: ${reason ?? "may be"}`, () => {
      const nodes = present.map((version, index) => ({ name: `n-${index + 1}`, version }));
      const refusal = refuseVersion(wanted, nodes);
      if (reason === undefined) expect(refusal).to.equal(undefined);
      else expect(refusal).to.include(reason);
    });
  }
});
