import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { acquireLock } from "../src/drivers/lock.ts";
import { LabError } from "../src/lab-error.ts";

describe("acquireLock", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lab-lock-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("refuses a second holder, naming what is held, and lets it in afterwards", async () => {
    const path = join(folder, "lock");
    {
      await using _first = await acquireLock(path, { what: "lab x", timeoutMs: 0 });
      const second = await acquireLock(path, { what: "lab x", timeoutMs: 50 }).catch(
        (error: unknown) => error,
      );
      expect(second).to.be.instanceOf(LabError);
      expect((second as LabError).message).to.include("another command is working on lab x");
    }
    await using _third = await acquireLock(path, { what: "lab x", timeoutMs: 0 });
  });

  it("waits for a holder that lets go in time", async () => {
    const path = join(folder, "lock");
    const first = await acquireLock(path, { what: "lab x", timeoutMs: 0 });
    const second = acquireLock(path, { what: "lab x", timeoutMs: 5000 });
    await first[Symbol.asyncDispose]();
    await using _second = await second;
  });
});
