import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import { kernelHasWireGuard } from "../src/index.ts";
import { bundleContract } from "./guest/bundle.ts";

async function whyNotHere(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return "it makes a network namespace: run it as root";
  return (await kernelHasWireGuard()) ? undefined : "this machine's kernel has no WireGuard";
}

const obstacle = await whyNotHere();

describe("the contract suite as one program, for machines without this repository", function () {
  this.timeout(180_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "node-wireguard-"));
    await bundleContract(folder);
  });
  after(() => rm(folder, { recursive: true }));

  const run = () =>
    execa(process.execPath, [join(folder, "contract.js")], { reject: false, cwd: "/", timeout: 170_000 });

  if (obstacle === undefined) {
    it("passes on this kernel's WireGuard", async () => {
      const { exitCode, stdout, stderr } = await run();
      expect(exitCode, `${stdout}${stderr}`).to.equal(0);
      expect(stdout).to.match(/\d+ passing/);
    });
  } else {
    it(`the kernel's WireGuard is not tested here: ${obstacle}`);
    it("ends as failed where it cannot test", async () => {
      const { exitCode, stdout } = await run();
      expect(exitCode).to.equal(1);
      expect(stdout).not.to.include("passing");
    });
  }
});
