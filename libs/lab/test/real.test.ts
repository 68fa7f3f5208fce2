import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";
import { findTree } from "../src/drivers/artifact-files.ts";
import { Lab, LabError, type Machine, type UpOptions } from "../src/index.ts";
import { findTraces, hostFacts } from "./snapshot.ts";

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const TREE = "tools/root-tree/build.sh";
const NAME = `test${process.pid}`;
const NO_TRACES = { mounts: [], namespaces: [], cgroups: [], processes: [], loopDevices: [] };
const CONFIG = "expect: 2\n";

/** Boots real machines. Needs root and the Debian tree; leaves nothing on the host. */
describe("a real lab", function () {
  this.timeout(60_000);
  let work: string;
  let lab: Lab;
  let options: UpOptions;
  let hostBefore: object;

  before(async function () {
    const reason = await whyNot();
    if (reason !== undefined) {
      console.log(`      skipped: ${reason}`);
      return this.skip();
    }
    work = await mkdtemp(join(tmpdir(), "lab-test-"));
    hostBefore = await hostFacts();
    lab = new Lab({ name: NAME, stateFolder: work });
    options = {
      driver: "nspawn",
      nodes: 2,
      config: CONFIG,
      baseTree: await findTree(REPOSITORY, TREE),
      debs: [await makeDeb(work)],
      cacheFolder: join(work, "layers"),
    };
  });

  after(async () => {
    if (work === undefined) return;
    await lab.down();
    await rm(work, { recursive: true });
  });

  async function machine(number: number): Promise<Machine> {
    return lab.machine(number);
  }

  it("boots two machines, installs the package once, and says what it does", async () => {
    const steps: string[] = [];
    const machines = await lab.up({ ...options, onStep: ({ what }) => steps.push(what) });
    expect(machines.map((one) => one.name)).to.deep.equal(["m1", "m2"]);
    expect(steps).to.include.members(["checked this host", "laid the network", "started m1", "started m2"]);
    expect(steps.filter((step) => step.includes("install"))).to.have.length(1);
    expect(await Promise.all(machines.map((one) => one.waitBooted()))).to.deep.equal(["running", "running"]);
    expect(Number(await readFile("/proc/sys/fs/inotify/max_user_instances", "utf8"))).to.be.at.least(1024);
    expect(await (await machine(2)).run(["cat", "/usr/share/lab-probe/installed"])).to.equal(
      "by its own script\n",
    );
  });

  it("tells a machine nothing but the given file", async () => {
    const [left, right] = [await machine(1), await machine(2)];
    for (const one of [left, right]) {
      expect(await one.run(["cat", "/etc/cluster-os/cluster-os.yaml"])).to.equal(CONFIG);
      expect(await one.run(["stat", "--format=%a %U", "/etc/cluster-os/cluster-os.yaml"])).to.equal(
        "600 root\n",
      );
      expect(await one.run(["hostname"])).to.equal("localhost\n");
      expect(await one.run(["ip", "-4", "-brief", "address", "show", "dev", "eth0"])).not.to.include("/");
      expect(await one.run(["ip", "-6", "route", "show", "default"])).to.equal("");
      expect(await one.run(["cat", "/sys/class/net/eth0/mtu"])).to.equal("1500\n");
    }
    expect(await left.run(["cat", "/etc/machine-id"])).not.to.equal(
      await right.run(["cat", "/etc/machine-id"]),
    );
  });

  it("runs commands with their input, their output and their exit code, inside the machine's limits", async () => {
    const one = await machine(1);
    expect(
      await one.exec(["sh", "-c", "cat; echo oops >&2; exit 7"], { stdin: Buffer.from("héllo") }),
    ).to.deep.equal({
      exitCode: 7,
      stdout: "héllo",
      stderr: "oops\n",
    });
    expect((await one.exec(["sh", "-c", "kill -TERM $$"])).exitCode).to.equal(143);
    expect((await one.exec(["no-such-program"])).exitCode).to.equal(127);
    expect(await one.run(["env"], { env: { ONLY: "this" } }))
      .to.include("ONLY=this\n")
      .and.not.include("CLUSTER_OS");
    expect(await one.run(["pwd"])).to.equal("/\n");
    const joined = (await one.run(["cat", "/proc/self/cgroup"]))
      .split("\n")
      .filter((line) => /:(memory|pids):/.test(line));
    for (const line of joined) expect(line).to.match(/:\/$/);
    const failure = await one.run(["sh", "-c", "echo broken >&2; exit 3"]).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(LabError);
    expect(String(failure)).to.include("ended with 3: broken");
  });

  it("ends a command with the one who asked for it", async () => {
    const one = await machine(1);
    const abort = new AbortController();
    const sleeping = one.exec(["sleep", "1234"], { signal: abort.signal });
    await waitFor(async () => (await one.exec(["pgrep", "-xf", "sleep 1234"])).exitCode === 0, {
      what: "sleep",
      timeoutMs: 20_000,
    });
    abort.abort();
    expect((await sleeping).exitCode).to.be.greaterThan(128);
    await waitFor(async () => (await one.exec(["pgrep", "-f", "[s]leep 1234"])).exitCode === 1, {
      what: "its end",
      timeoutMs: 20_000,
    });
  });

  it("ends a command at whatever point of its start it is asked to", async () => {
    const one = await machine(1);
    for (let afterMs = 0; afterMs < 60; afterMs += 1) {
      const ended = await one.exec(["sleep", "1235"], { signal: AbortSignal.timeout(afterMs) });
      expect(ended.exitCode).to.be.greaterThan(128);
    }
    expect((await one.exec(["pgrep", "-f", "[s]leep 1235"])).exitCode).to.equal(1);
  });

  it("is found again by another process, and refuses to come up twice", async () => {
    const again = new Lab({ name: NAME, stateFolder: work });
    expect((await again.machines()).map((one) => one.name)).to.deep.equal(["m1", "m2"]);
    const error = await again.up(options).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(LabError);
    expect(String(error)).to.include("already up, with 2 machines").and.include("cluster-os down");
    expect(await (await machine(1)).status()).to.include({ isRunning: true });
  });

  it("shows the host a path of a running machine", async () => {
    expect(await readFile(await (await machine(1)).path("/etc/hostname"), "utf8")).to.equal("localhost\n");
    expect(await (await machine(1)).localApi()).to.match(
      /^\/proc\/\d+\/root\/run\/cluster-os\/bootstrap\.sock$/,
    );
  });

  it("splits and heals the network", async () => {
    const [left, right] = [await machine(1), await machine(2)];
    const address = await linkLocal(right);
    const canReach = async (): Promise<boolean> =>
      (await left.exec(["ping", "-c", "1", "-W", "1", `${address}%eth0`])).exitCode === 0;
    await waitFor(canReach, { what: "the first answer", timeoutMs: 10_000 });
    await lab.partition([[1]]);
    expect(await canReach()).to.equal(false);
    await lab.heal();
    await waitFor(canReach, { what: "an answer after healing", timeoutMs: 10_000 });
    await lab.unplug(2);
    expect(await canReach()).to.equal(false);
    await lab.heal();
    await waitFor(canReach, { what: "an answer after plugging in", timeoutMs: 10_000 });
  });

  it("cuts a machine's power, reads its log, and boots it again with its disk", async () => {
    const one = await machine(2);
    const [id, address] = [await one.run(["cat", "/etc/machine-id"]), await linkLocal(one)];
    await one.run(["sh", "-c", "echo kept > /var/lib/etcd/file; echo kept > /root/file; sync"]);
    await one.kill();
    expect(await one.status()).to.deep.equal({ isRunning: false, leader: undefined });
    const refused = await one.exec(["true"]).catch((error: unknown) => error);
    expect(String(refused)).to.include("m2 is not running").and.include("cluster-os start m2");
    expect((await one.logs({ stdout: "capture", lines: 5 })).stdout.trim().split("\n").length).to.be.at.least(
      5,
    );
    await one.kill();
    await one.start();
    await one.start();
    expect(await one.waitBooted()).to.equal("running");
    expect(await one.run(["cat", "/etc/machine-id", "/root/file", "/var/lib/etcd/file"])).to.equal(
      `${id}kept\nkept\n`,
    );
    expect(await linkLocal(one)).to.equal(address);
  });

  it("shuts a machine down in order", async () => {
    const one = await machine(2);
    await one.run([
      "systemd-run",
      "--unit=witness",
      "--property=ExecStop=touch /root/stopped",
      "sleep",
      "infinity",
    ]);
    await one.stop();
    expect((await one.status()).isRunning).to.equal(false);
    await one.start();
    expect((await one.exec(["test", "-e", "/root/stopped"])).exitCode).to.equal(0);
  });

  it("follows a machine that reboots itself", async () => {
    const one = await machine(2);
    await one.waitBooted();
    const before = (await one.status()).leader;
    await one.run(["systemctl", "reboot"]);
    await waitFor(async () => ![undefined, before].includes((await one.status()).leader), {
      what: "the new process 1",
      timeoutMs: 20_000,
    });
    expect(await one.waitBooted()).to.equal("running");
  });

  it("adds a machine to a running lab, from the layers it has", async () => {
    const one = await lab.add("expect: 3\n");
    expect(one.name).to.equal("m3");
    expect(await one.waitBooted()).to.equal("running");
    expect(await one.run(["cat", "/etc/cluster-os/cluster-os.yaml"])).to.equal("expect: 3\n");
    const none = await lab.machine(4).catch((error: unknown) => error);
    expect(String(none)).to.include("no machine m4").and.include("m1, m2, m3");
  });

  it("leaves nothing when it goes down, even after systemd-nspawn was killed", async () => {
    const supervisors = (await execa("pgrep", ["-f", "--", `--directory=${work}/${NAME}/m1/`])).stdout
      .split("\n")
      .map(Number);
    for (const pid of supervisors) process.kill(pid, "SIGKILL");
    expect(await lab.down()).to.equal(true);
    await expectNoTraces();
    expect(await hostFacts()).to.deep.equal(hostBefore);
    expect((await readdir(work)).sort()).to.deep.equal(["layers", "probe", "probe.deb"]);
  });

  it("has nothing to do when it is down", async () => {
    expect(await lab.down()).to.equal(false);
    expect(await lab.machines()).to.deep.equal([]);
    expect(String(await lab.machine(1).catch((error: unknown) => error))).to.include("is down");
  });

  for (const dieAt of ["prepared the machines' file system", "laid the network", "started m1"]) {
    it(`cleans up after a launcher that was killed when it had ${dieAt}`, async () => {
      await upAndDie(dieAt);
      await lab.down();
      await expectNoTraces();
      expect(await hostFacts()).to.deep.equal(hostBefore);
    });
  }

  it("comes up over what a killed launcher left", async () => {
    await upAndDie("started m1");
    const steps: string[] = [];
    await lab.up({ ...options, nodes: 1, onStep: ({ what }) => steps.push(what) });
    expect(steps).to.include("removed what an earlier attempt left");
    expect(await (await machine(1)).waitBooted()).to.equal("running");
    expect(await lab.down()).to.equal(true);
  });

  it("leaves nothing of an attempt that fails", async () => {
    const broken = join(work, "layers", "broken");
    await mkdir(broken);
    await mkdir(join(broken, "etc"));
    await writeFile(join(broken, "etc/machine-id"), "");
    const error = await lab.up({ ...options, baseTree: broken, debs: [] }).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(LabError);
    expect(String(error)).to.match(/m[12] ended before it booted/);
    await expectNoTraces();
    expect(await hostFacts()).to.deep.equal(hostBefore);
  });

  /** Process 1 of the host takes a moment to fetch the dead whose parent was killed. */
  async function expectNoTraces(): Promise<void> {
    await waitFor(async () => (await findTraces(NAME, work)).processes.length === 0, {
      what: "the end of the last process",
      timeoutMs: 3000,
    }).catch(() => undefined);
    expect(await findTraces(NAME, work)).to.deep.equal(NO_TRACES);
  }

  async function upAndDie(dieAt: string): Promise<void> {
    const child = await execa(
      process.execPath,
      [
        ...process.execArgv,
        "--conditions=@cluster-os/source",
        join(import.meta.dirname, "fixtures/up-and-die.ts"),
        JSON.stringify({ lab: { name: NAME, stateFolder: work }, up: options, dieAt }),
      ],
      { reject: false },
    );
    expect(child.signal, child.stderr).to.equal("SIGKILL");
  }
});

async function whyNot(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return "booting machines needs root";
  return findTree(REPOSITORY, TREE).then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

async function linkLocal(machine: Machine): Promise<string> {
  return waitFor(
    async () =>
      / inet6 (fe80:[0-9a-f:]+)\//.exec(
        await machine.run(["ip", "-6", "-oneline", "address", "show", "dev", "eth0"]),
      )?.[1],
    { what: "a link-local address", timeoutMs: 5000 },
  );
}

/** A package whose own script does the installing. */
async function makeDeb(folder: string): Promise<string> {
  const root = join(folder, "probe");
  await mkdir(join(root, "DEBIAN"), { recursive: true });
  const control = [
    "Package: lab-probe",
    "Version: 1",
    "Architecture: all",
    "Maintainer: nobody <n@example.org>",
    "Description: probe",
    "",
  ];
  await writeFile(join(root, "DEBIAN/control"), control.join("\n"));
  await writeFile(
    join(root, "DEBIAN/postinst"),
    "#!/bin/sh\nset -e\nmkdir /usr/share/lab-probe\necho by its own script >/usr/share/lab-probe/installed\n",
  );
  await chmod(join(root, "DEBIAN/postinst"), 0o755);
  await execa("dpkg-deb", ["--root-owner-group", "--build", root, join(folder, "probe.deb")]);
  return join(folder, "probe.deb");
}
