import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import { readFileIfExists, waitFor, writeFileAtomic, writeFileIfChanged } from "../src/drivers/index.ts";

describe("files", () => {
  let folder = "";
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "cluster-os-std-"))));
  afterEach(() => rm(folder, { recursive: true }));

  it("replaces a file whole, with the wished mode, and leaves no draft", async () => {
    const path = join(folder, "deep", "file");
    await writeFileAtomic(path, "one", { mode: 0o600 });
    await writeFileAtomic(path, "two", { mode: 0o640 });
    expect(await readFile(path, "utf8")).to.equal("two");
    expect((await stat(path)).mode & 0o777).to.equal(0o640);
    expect(await readdir(join(folder, "deep"))).to.deep.equal(["file"]);
  });

  it("writes in place what is a mount by itself, as a container's /etc/hosts is", async function () {
    const path = join(folder, "hosts");
    await writeFile(path, "a line that is longer than what comes");
    const { ino } = await stat(path);
    // In a mount namespace of its own, which goes with the process.
    const script = 'mount --bind "$1" "$1" && exec "$2" --conditions=@cluster-os/source "$3" "$1"';
    const program = join(import.meta.dirname, "write-one.ts");
    const args = ["--mount", "sh", "-c", script, "sh", path, process.execPath, program];
    const { failed, stderr } = await execa("unshare", args, { reject: false });
    if (failed && /Operation not permitted/.test(stderr)) return this.skip();
    expect(stderr).to.equal("");
    expect(await readFile(path, "utf8")).to.equal("new\n");
    expect((await stat(path)).ino).to.equal(ino);
    expect(await readdir(folder)).to.deep.equal(["hosts"]);
  });

  it("writes only what changed", async () => {
    const path = join(folder, "file");
    expect(await writeFileIfChanged(path, "x", { mode: 0o600 })).to.equal(true);
    expect(await writeFileIfChanged(path, "x", { mode: 0o600 })).to.equal(false);
    expect(await readFileIfExists(join(folder, "none"))).to.equal(undefined);
  });
});

describe("waitFor", () => {
  it("returns what appears", async () => {
    let looks = 0;
    expect(
      await waitFor(() => (looks += 1) === 3 && "here", { what: "it", timeoutMs: 1000, everyMs: 1 }),
    ).to.equal("here");
  });

  it("names what did not come, with the last error as its cause", async () => {
    const failure = await waitFor(() => Promise.reject(new Error("refused")), {
      what: "the API",
      timeoutMs: 5,
      everyMs: 1,
    })
      .then(() => undefined)
      .catch((error: Error) => error);
    expect(failure?.message).to.equal("the API did not come within 0.005 s");
    expect((failure?.cause as Error).message).to.equal("refused");
  });
});
