import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { REPOSITORY } from "../deb/args.ts";
import { K3S_VERSION, k3sProgram } from "../k3s/program.ts";

const LIBEXEC = join(REPOSITORY, "infra/systemd/libexec");
let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "k3s-test-"))));
afterEach(() => rm(folder, { recursive: true }));

describe("k3s: the program to pack", () => {
  async function program(version: string): Promise<{ readonly path: string; readonly sha256: string }> {
    const path = join(folder, "k3s");
    const content = `#!/bin/sh\necho "k3s version ${version} (0123456)"\n`;
    await writeFile(path, content, { mode: 0o755 });
    return { path, sha256: createHash("sha256").update(content).digest("hex") };
  }
  const refusal = (source: Parameters<typeof k3sProgram>[0]): Promise<string> =>
    k3sProgram(source).then(
      () => "none",
      (error: Error) => error.message,
    );

  it("is taken if it is the pinned one", async () => {
    const source = await program(K3S_VERSION);
    expect(await k3sProgram(source)).to.equal(source.path);
  });

  it("is pinned to what the driver is written for", async () => {
    const settings = await readFile(join(REPOSITORY, "libs/kubernetes/src/k3s-settings.ts"), "utf8");
    expect(settings).to.include(`K3S_VERSION = "${K3S_VERSION}"`);
  });

  it("is not guessed: without one, or without its checksum, the error says where both come from", async () => {
    const { path } = await program(K3S_VERSION);
    expect(await refusal({ path: undefined, sha256: undefined })).to.include("set K3S_BINARY");
    expect(await refusal({ path, sha256: undefined }))
      .to.include("set K3S_SHA256")
      .and.include("sha256sum-amd64.txt");
  });

  it("is refused if it is another", async () => {
    const { path, sha256 } = await program("v1.20.0+k3s1");
    expect(await refusal({ path, sha256: "0".repeat(64) })).to.include(sha256);
    expect(await refusal({ path, sha256 })).to.include(`not ${K3S_VERSION}`);
    await chmod(path, 0o644);
    expect(await refusal({ path, sha256 })).to.include("chmod +x");
  });
});

describe("k3s: images for it", () => {
  const link = (...sources: readonly string[]): void => {
    const { status, stderr } = spawnSync(
      join(LIBEXEC, "k3s-link-images"),
      [join(folder, "images"), ...sources],
      {
        encoding: "utf8",
      },
    );
    expect(status, stderr).to.equal(0);
  };

  it("are those of the package, new ones too, and no old ones", async () => {
    await mkdir(join(folder, "a"));
    await writeFile(join(folder, "a/pause.tar"), "one");
    await writeFile(join(folder, "a/old.tar"), "old");
    link(join(folder, "a"), join(folder, "none"));
    expect(await readdir(join(folder, "images"))).to.deep.equal([
      "cluster-os-old.tar",
      "cluster-os-pause.tar",
    ]);
    await rm(join(folder, "a/old.tar"));
    await rm(join(folder, "a/pause.tar"));
    await writeFile(join(folder, "a/pause.tar"), "two");
    await writeFile(join(folder, "images/of-somebody-else.tar"), "mine");
    link(join(folder, "a"));
    expect(await readFile(join(folder, "images/cluster-os-pause.tar"), "utf8")).to.equal("two");
    expect(await readdir(join(folder, "images"))).to.deep.equal([
      "cluster-os-pause.tar",
      "of-somebody-else.tar",
    ]);
  });

  it("take no space twice, and are not touched when nothing changed", async () => {
    await mkdir(join(folder, "a"));
    await writeFile(join(folder, "a/pause.tar"), "one");
    link(join(folder, "a"));
    const before = await stat(join(folder, "images/cluster-os-pause.tar"));
    link(join(folder, "a"));
    const after = await stat(join(folder, "images/cluster-os-pause.tar"));
    expect([after.ino, after.nlink]).to.deep.equal([before.ino, 2]);
  });
});

describe("k3s: pods that outlived it", () => {
  it("are ended with all their processes, and nobody else's", async () => {
    const run = join(folder, "run");
    const shim = (address: string) =>
      // As a shim names its socket, with a child that has a child.
      spawn("bash", ["-c", "sleep 300 & wait", "containerd-shim-runc-v2", "-address", address], {
        stdio: "ignore",
      });
    const ours = shim(`${run}/containerd/containerd.sock`);
    const theirs = shim("/run/containerd/containerd.sock");
    try {
      const childOf = (pid: number | undefined): string =>
        spawnSync("cat", [`/proc/${pid}/task/${pid}/children`], { encoding: "utf8" }).stdout.trim();
      while (childOf(ours.pid) === "" || childOf(theirs.pid) === "") await new Promise(setImmediate);
      const child = childOf(ours.pid);
      const ended = once(ours, "exit");
      expect(spawnSync(join(LIBEXEC, "k3s-stop-pods"), [run]).status).to.equal(0);
      await ended;
      const state = spawnSync("ps", ["-o", "state=", "-p", child], { encoding: "utf8" }).stdout.trim();
      expect(["", "Z"]).to.include(state);
      expect(theirs.exitCode).to.equal(null);
      expect(childOf(theirs.pid)).to.not.equal("");
    } finally {
      for (const process of [ours, theirs]) {
        spawnSync("pkill", ["-KILL", "-P", String(process.pid)]);
        process.kill("SIGKILL");
      }
    }
  });
});
