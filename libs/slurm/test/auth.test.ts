import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SlurmKeys } from "@cluster-os/api";
import { renderConfig, renderJwks } from "@cluster-os/slurm";
import { expect } from "chai";
import { execa } from "execa";
import { findTree } from "./tree.ts";

const SCRIPT = join(import.meta.dirname, "auth.sh");
const AT = "2026-01-01T00:00:00Z";

const key = (generation: number) => ({
  generation,
  secret: new Uint8Array(128).fill(generation),
  madeAt: AT,
});
const rest = { jwt: new Uint8Array(32), askedBy: "", revocations: "" };
/** As slurm-operator exchanges them. */
const STEPS: readonly SlurmKeys[] = [
  { current: key(1), ...rest },
  { current: key(1), next: key(2), ...rest },
  { current: key(1), next: key(2), switchAt: AT, ...rest },
  { current: key(2), ...rest },
];

describe("the real SLURM with auth/slurm", function () {
  this.timeout(120_000);
  let folder: string | undefined;
  const seen = (name: string): Promise<string> => readFile(join(folder ?? "", "seen", name), "utf8");

  before(async function () {
    const found = await findTree();
    if ("missing" in found) {
      console.log(`      skipped: ${found.missing}`);
      return this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), "slurm-auth-"));
    for (const auth of ["munge", "slurm"] as const) {
      await mkdir(join(folder, auth));
      for (const [file, text] of Object.entries(renderConfig("default", { auth }, []).files))
        await writeFile(join(folder, auth, file), text);
    }
    await mkdir(join(folder, "keys"));
    for (const [at, keys] of STEPS.entries())
      await writeFile(join(folder, "keys", String(at + 1)), renderJwks(keys, Date.parse(AT)));
    // As the first process of its namespace it would not hear anything softer.
    await execa(SCRIPT, [found.tree, folder], { timeout: 100_000, killSignal: "SIGKILL" });
  });

  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it("takes a user's word from the user's own machine, without munge", async () => {
    expect((await seen("user")).trim()).to.equal("ada");
  });

  it("reads each step of an exchange while it runs, in another process of slurmd", async () => {
    expect((await seen("steps")).trim().split("\n")).to.deep.equal(["2", "3", "4"]);
  });

  it("understands a job that began with the old key, and its steps", async () => {
    expect(await seen("job"))
      .to.contain("JobState=COMPLETED")
      .and.contain("ExitCode=0:0");
  });

  it("with munge in its configuration must not hear of keys of auth/slurm", async () => {
    expect(await seen("mixed"))
      .to.contain("AuthType change requires restart")
      .and.not.contain("accepted");
  });
});
