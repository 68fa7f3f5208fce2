import { expect } from "chai";
import { isInstallationDue } from "../src/server/installation-plan.ts";

describe("isInstallationDue", () => {
  const table = [
    { name: "nothing is installed", installed: undefined, own: "0.1.0 a", due: true },
    { name: "the same", installed: "0.1.0 a", own: "0.1.0 a", due: false },
    { name: "another build of the version", installed: "0.1.0 a", own: "0.1.0 b", due: true },
    { name: "a newer version", installed: "0.9.0 a", own: "0.10.0 a", due: true },
    { name: "an older version", installed: "0.10.0 a", own: "0.9.9 b", due: false },
    { name: "the release after its candidate", installed: "1.0.0-rc1 a", own: "1.0.0 b", due: true },
    { name: "a candidate after its release", installed: "1.0.0 a", own: "1.0.0-rc2 b", due: false },
    { name: "a later candidate", installed: "1.0.0-rc1 a", own: "1.0.0-rc2 b", due: true },
  ] as const;
  const of = (text: string): { version: string; digest: string } => {
    const [version = "", digest = ""] = text.split(" ");
    return { version, digest };
  };
  for (const { name, installed, own, due } of table) {
    it(`${name}: ${due ? "yes" : "no"}`, () => {
      expect(isInstallationDue(installed === undefined ? undefined : of(installed), of(own))).to.equal(due);
    });
  }
});
