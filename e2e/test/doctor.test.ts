import { randomBytes } from "node:crypto";
import { DoctorReport, type DoctorFinding } from "@cluster-os/api";
import { Lab, type Machine } from "@cluster-os/lab";
import { LocalApiClient } from "@cluster-os/api/drivers";
import { waitFor } from "@cluster-os/std/drivers";
import { expect } from "chai";
import { clusterOs, LAB, must } from "../src/cluster-os.ts";

const MINUTE_MS = 60_000;
const CONFIG = "/etc/cluster-os/cluster-os.yaml";
const BOOTSTRAP = "cluster-os-bootstrap";
const FAKETIME = "/run/systemd/system/cluster-os-bootstrap.service.d/faketime.conf";

/**
 * What a person breaks, and what doctor says of it. Two machines that wait for each other are enough for most of it, and
 * need no Kubernetes.
 */
describe("doctor names the cause", function () {
  this.timeout(2 * MINUTE_MS);
  const lab = new Lab({ name: LAB });
  const keys = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")] as const;

  before("two machines boot, with different join keys", async function () {
    this.timeout(15 * MINUTE_MS);
    await must(["down"]);
    // Its machines go on when it stops waiting: what they form is taken apart below.
    await clusterOs(["up", "--nodes", "2", "--timeout", "1"]);
    await begin(1, keys[0]);
    await begin(2, keys[1]);
  });

  after(async () => {
    if (process.env["CLUSTER_OS_KEEP_LAB"] === undefined) await must(["down"]);
  });

  /** Makes it a machine that has no cluster yet and is given this key. */
  async function begin(number: number, key: string): Promise<Machine> {
    const machine = await lab.machine(number);
    await machine.kill();
    await machine.place(CONFIG, `joinKey: ${key}\nexpect: 2\n`, 0o600);
    await machine.start();
    await machine.waitBooted();
    await machine.run(["systemctl", "stop", BOOTSTRAP]);
    await machine.run(["find", "/var/lib/cluster-os", "-mindepth", "1", "-delete"]);
    await machine.run(["systemctl", "start", BOOTSTRAP]);
    return machine;
  }

  async function examine(machine: string): Promise<readonly DoctorFinding[]> {
    const { exitCode, stdout } = await clusterOs(["doctor", machine, "-o", "json"]);
    const [report] = DoctorReport.parse(JSON.parse(stdout));
    expect(exitCode, "1 if there are findings").to.equal(report?.findings.length === 0 ? 0 : 1);
    return report?.findings ?? [];
  }

  /** The first finding of that kind, once there is one. */
  function found(machine: string, kind: string, timeoutMs = 30_000): Promise<DoctorFinding> {
    return waitFor(async () => (await examine(machine)).find((one) => one.kind === kind), {
      what: `the finding ${kind} of ${machine}`,
      timeoutMs,
      everyMs: 500,
    });
  }

  it("another join key", async () => {
    expect(await found("m1", "other-join-key")).to.include({ severity: "error" });
    expect(await found("m2", "other-join-key")).to.include({ severity: "error" });
  });

  it("an unplugged cable, and nothing of what follows from it", async () => {
    await lab.unplug(1);
    expect((await found("m1", "link-down")).what).to.equal("eth0 has no link");
    expect((await examine("m1")).map(({ kind }) => kind)).not.to.include("nobody-heard");
    await lab.heal();
    await waitFor(async () => !(await examine("m1")).some(({ kind }) => kind === "link-down"), {
      what: "the end of the finding",
      timeoutMs: 10_000,
    });
  });

  it("a stopped service, with the last line of its log", async () => {
    const machine = await lab.machine(2);
    await machine.run(["systemctl", "stop", BOOTSTRAP]);
    expect((await found("m2", "unit-down")).what).to.equal(`${BOOTSTRAP}.service is inactive`);
    expect((await found("m2", "bootstrap-silent")).what).to.include("not running");
    await machine.run(["systemctl", "start", BOOTSTRAP]);
  });

  it("multicast that is filtered", async () => {
    const machine = await lab.machine(1);
    await machine.run(["nft", "add", "table", "inet", "filtered"]);
    await machine.run([
      "nft",
      "add",
      "chain",
      "inet",
      "filtered",
      "in",
      "{ type filter hook input priority 0; }",
    ]);
    for (const [family, group] of [
      ["ip6", "ff00::/8"],
      ["ip", "224.0.0.0/4"],
    ] as const)
      await machine.run(["nft", "add", "rule", "inet", "filtered", "in", family, "daddr", group, "drop"]);
    await machine.run(["systemctl", "restart", BOOTSTRAP]);
    expect((await found("m1", "nobody-heard", MINUTE_MS)).what).to.include("on eth0");
    await machine.run(["nft", "delete", "table", "inet", "filtered"]);
  });

  it("a clock an hour off: the machines are one cluster and mesh, and make no certificates until it is right", async function () {
    this.timeout(9 * MINUTE_MS);
    const late = await lab.machine(2);
    // With its other key it would be a problem that the first one remembers.
    await late.run(["systemctl", "stop", BOOTSTRAP]);
    const machine = await begin(1, keys[0]);
    await late.run(["mkdir", "-p", FAKETIME.slice(0, FAKETIME.lastIndexOf("/"))]);
    const settings = [
      "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
      "FAKETIME=+1h",
      "DONT_FAKE_MONOTONIC=1",
    ];
    const dropIn = ["[Service]", ...settings.map((one) => `Environment=${one}`), ""].join("\n");
    await late.run(["find", "/var/lib/cluster-os", "-mindepth", "1", "-delete"]);
    await late.run(["tee", FAKETIME], { stdin: Buffer.from(dropIn) });
    await late.run(["tee", CONFIG], { stdin: Buffer.from(`joinKey: ${keys[0]}\nexpect: 2\n`) });
    await late.run(["systemctl", "daemon-reload"]);
    await late.run(["systemctl", "start", BOOTSTRAP]);

    const status = async (one: Machine) => new LocalApiClient({ socketPath: await one.localApi() }).status();
    for (const one of [machine, late]) {
      await waitFor(async () => (await status(one)).members.alive === 2 || undefined, {
        what: "two living members",
        timeoutMs: MINUTE_MS,
      });
    }
    // Of two machines one serves, and the other's clock is held against its.
    const worker = await waitFor(
      async () => {
        const roles = await Promise.all([machine, late].map(async (one) => (await status(one)).role));
        return roles.includes("worker") ? [machine, late][roles.indexOf("worker")] : undefined;
      },
      { what: "a worker", timeoutMs: MINUTE_MS },
    );
    const skewed = await found(worker.name, "clock-skew", MINUTE_MS);
    expect(skewed).to.include({ severity: "error" });
    expect(skewed.what).to.match(/^this clock is 60 min (ahead|behind) of n-/);
    await waitFor(async () => (await status(worker)).problems.find(({ kind }) => kind === "clock-skew"), {
      what: "the worker's turn, which it puts off",
      timeoutMs: 4 * MINUTE_MS,
      everyMs: 1000,
    });
    expect((await status(worker)).kubernetes.state).to.equal("waiting");

    await late.run(["rm", FAKETIME]);
    await late.run(["systemctl", "daemon-reload"]);
    await late.run(["systemctl", "restart", BOOTSTRAP]);
    await waitFor(async () => (await status(worker)).kubernetes.state === "ready" || undefined, {
      what: "the worker in Kubernetes",
      timeoutMs: 3 * MINUTE_MS,
      everyMs: 1000,
    });
    expect((await status(worker)).problems).to.deep.equal([]);
  });

  it("frames larger than the network carries, which the mesh would send", async () => {
    // Where every frame of full size is dropped, the pings to it each wait for two seconds.
    const setFrames = async (bytes: number): Promise<void> => {
      for (const number of [1, 2])
        await (await lab.machine(number)).run(["ip", "link", "set", "eth0", "mtu", String(bytes)]);
    };
    const narrowPaths = async () => (await examine("m1")).filter(({ kind }) => kind === "path-too-narrow");
    expect(await narrowPaths(), "while all is as it should be").to.deep.equal([]);
    await setFrames(9000);
    const narrow = /^n-[a-z2-7]{10} answers small packets, and none of 8920 bytes$/;
    await waitFor(async () => (await narrowPaths()).some(({ what }) => narrow.test(what)), {
      what: "the finding, once the mesh has followed its interface",
      timeoutMs: MINUTE_MS,
      everyMs: 500,
    });
    await setFrames(1500);
    await waitFor(async () => (await narrowPaths()).length === 0, {
      what: "the end of the finding",
      timeoutMs: MINUTE_MS,
    });
  });
});
