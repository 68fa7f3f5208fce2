import { renderConfig, signerOf } from "@cluster-os/slurm";
import { expect } from "chai";

describe("signerOf", () => {
  for (const auth of ["munge", "slurm"] as const)
    it(`tells ${auth} from what is rendered for it`, () =>
      expect(signerOf(renderConfig("default", { auth }, []).files)).to.equal(auth));

  it("is munge where nothing says so", () => {
    expect(signerOf({})).to.equal("munge");
    expect(signerOf({ "slurm.conf": "# AuthType=auth/slurm\n" })).to.equal("munge");
  });
});
