import { expect } from "chai";
import { execa } from "execa";
import { acquireLock } from "../src/drivers/lock.ts";
import { LabError } from "../src/lab-error.ts";

describe("acquireLock", () => {
  const name = `test of locks ${process.pid}`;

  it("refuses a second holder, naming what is held, and lets it in afterwards", async () => {
    {
      await using _first = await acquireLock(name, { what: "lab x", timeoutMs: 0 });
      const second = await acquireLock(name, { what: "lab x", timeoutMs: 50 }).catch(
        (error: unknown) => error,
      );
      expect(second).to.be.instanceOf(LabError);
      expect((second as LabError).message).to.include("another command is working on lab x");
      await using _other = await acquireLock(`${name}, another`, { what: "lab y", timeoutMs: 0 });
    }
    await using _third = await acquireLock(name, { what: "lab x", timeoutMs: 0 });
  });

  it("waits for a holder that lets go in time", async () => {
    const first = await acquireLock(name, { what: "lab x", timeoutMs: 0 });
    const second = acquireLock(name, { what: "lab x", timeoutMs: 5000 });
    await first[Symbol.asyncDispose]();
    await using _second = await second;
  });

  it("is free again when its holder is killed", async () => {
    const program = `
      const { acquireLock } = await import(process.argv[1]);
      const lock = await acquireLock(process.argv[2], { what: "lab x", timeoutMs: 0 });
      console.log("held");
      setInterval(() => lock, 1000);`;
    const module = new URL("../src/drivers/lock.ts", import.meta.url).href;
    const args = ["--conditions=@cluster-os/source", "--input-type=module", "--eval", program, module, name];
    const holder = execa(process.execPath, args, { reject: false });
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const refused = await acquireLock(name, { what: "lab x", timeoutMs: 0 }).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(LabError);
    holder.kill("SIGKILL");
    await using _lock = await acquireLock(name, { what: "lab x", timeoutMs: 5000 });
    await holder;
  });
});
