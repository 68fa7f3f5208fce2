import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { linuxHost } from "../src/drivers/index.ts";

const { signal } = new AbortController();

describe("this machine as a host", () => {
  let folder = "";
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "cluster-os-kubernetes-"))));
  afterEach(() => rm(folder, { recursive: true }));

  it("returns what a program printed, and its exit code", async () => {
    const command = { file: "sh", args: ["-c", "echo out; echo err >&2; exit 3"], timeoutMs: 5000 };
    expect(await linuxHost.run(command, signal)).to.deep.equal({ exitCode: 3, stdout: "out", stderr: "err" });
  });

  it("stops a program that takes too long", async () => {
    const result = await linuxHost.run({ file: "sleep", args: ["60"], timeoutMs: 50 }, signal);
    expect(result.exitCode).to.equal(undefined);
  });

  it("stops a program when it is told to, and throws the reason", async () => {
    const stop = new AbortController();
    const running = linuxHost.run({ file: "sleep", args: ["60"], timeoutMs: 60_000 }, stop.signal);
    stop.abort(new Error("no longer wanted"));
    expect(await running.catch((error: Error) => error.message)).to.equal("no longer wanted");
  });

  it("says which program is missing", async () => {
    const running = linuxHost.run({ file: "no-such-program", args: [], timeoutMs: 1000 }, signal);
    expect(await running.catch((error: Error) => error.message)).to.include("no-such-program");
  });

  it("adds to a log that only root reads", async () => {
    const logPath = join(folder, "deep", "act.log");
    for (const text of ["one", "two"]) {
      await linuxHost.run(
        { file: "sh", args: ["-c", `echo ${text}; echo ${text} >&2`], timeoutMs: 5000, logPath },
        signal,
      );
    }
    expect((await readFile(logPath, "utf8")).split("\n").sort()).to.deep.equal([
      "",
      "one",
      "one",
      "two",
      "two",
    ]);
    expect((await stat(logPath)).mode & 0o777).to.equal(0o600);
  });

  it("moves files, also to another file system, and does nothing where there is nothing to move", async () => {
    const other = await mkdtemp("/dev/shm/cluster-os-kubernetes-");
    try {
      for (const from of [folder, other]) {
        await writeFile(join(from, "here"), "x");
        await linuxHost.move(join(from, "here"), join(folder, "deep", "there"));
        expect(await readFile(join(folder, "deep", "there"), "utf8")).to.equal("x");
        expect(await linuxHost.list(from)).not.to.include("here");
        await linuxHost.move(join(from, "here"), join(folder, "deep", "there"));
        expect(await readFile(join(folder, "deep", "there"), "utf8")).to.equal("x");
      }
    } finally {
      await rm(other, { recursive: true });
    }
  });

  it("writes only what changed, and empties a folder but keeps it", async () => {
    const path = join(folder, "file");
    expect(await linuxHost.writeFile(path, "x", 0o600)).to.equal(true);
    expect(await linuxHost.writeFile(path, "x", 0o600)).to.equal(false);
    expect(await linuxHost.list(folder)).to.deep.equal(["file"]);
    await linuxHost.empty(folder);
    expect(await linuxHost.list(folder)).to.deep.equal([]);
    expect(await linuxHost.list(join(folder, "none"))).to.deep.equal([]);
    await linuxHost.empty(join(folder, "none"));
  });

  it("gives a folder its mode even if it was there", async () => {
    await chmod(folder, 0o755);
    await linuxHost.makeFolder(folder, 0o700);
    expect((await stat(folder)).mode & 0o777).to.equal(0o700);
  });

  it("finds out what it is", async () => {
    const facts = await linuxHost.inspect();
    expect(facts.cgroupVersion).to.be.oneOf([1, 2]);
  });

  it("names the address that gave no answer", async () => {
    const url = "https://127.0.0.1:1/readyz";
    const failure = linuxHost.request({ method: "GET", url, ca: "", timeoutMs: 1000 }, signal);
    expect(await failure.catch((error: Error) => error.message)).to.include(url);
  });

  it("does not write kernel parameters that the kernel has not", async () => {
    expect(await linuxHost.setKernelParameter("net.no-such-thing", "1")).to.equal(false);
  });

  it("reads a file, or nothing", async () => {
    await writeFile(join(folder, "file"), "text");
    expect(await linuxHost.readFile(join(folder, "file"))).to.equal("text");
    expect(await linuxHost.readFile(join(folder, "none"))).to.equal(undefined);
  });
});
