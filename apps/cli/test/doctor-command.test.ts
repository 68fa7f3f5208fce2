import { DoctorReport } from "@cluster-os/api";
import { expect } from "chai";
import { UNITS } from "../src/doctor/checks/units.ts";
import { gatherFacts, parseCertificate, unread } from "../src/doctor/gather.ts";
import {
  parseControllers,
  parseDisks,
  parseInterfaces,
  parseMemory,
  parseUnits,
} from "../src/doctor/parse.ts";
import { clusterStatus, expectGolden, FakeLab, FakeMachine, nodeStatus, NOW_MS, type } from "./support.ts";

const IP_ADDRESS = JSON.stringify([
  { ifname: "lo", flags: ["LOOPBACK", "UP", "LOWER_UP"], addr_info: [{ local: "127.0.0.1" }] },
  {
    ifname: "eth0",
    flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
    addr_info: [{ local: "fe80::1" }, {}],
  },
  { ifname: "eth1", flags: ["NO-CARRIER", "BROADCAST", "UP"], addr_info: [] },
  { ifname: "cos0", flags: ["POINTOPOINT", "UP", "LOWER_UP"], addr_info: [{ local: "10.86.0.1" }] },
]);
const MEMINFO = "MemTotal:       16384000 kB\nMemFree:         1000 kB\nMemAvailable:    8192000 kB\n";
const DF =
  "Mounted on                  1B-blocks        Avail\n/                         60000000000  30000000000\n" +
  "/var/lib/cluster-os       60000000000  30000000000\n/var/lib/etcd              9000000000   8000000000\n";
const CGROUPS_V1 =
  "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t90\t1\nmemory\t4\t90\t0\npids\t5\t9\t1\n";

function showOf(stopped?: string): string {
  return UNITS.map((name) =>
    name === stopped
      ? `Id=${name}\nLoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\n`
      : `Id=${name}\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n`,
  ).join("\n");
}

/** A machine of a healthy cluster, as its programs tell of it. */
function machine(number: number, stopped?: string): FakeMachine {
  const made = new FakeMachine(number, nodeStatus(number));
  made.cluster = clusterStatus();
  made.outputs.set("systemctl show", showOf(stopped));
  made.outputs.set("journalctl --unit=chrony.service", "Can't synchronise: no sources\n");
  made.outputs.set("ip -json address", IP_ADDRESS);
  made.outputs.set("cat /proc/meminfo", MEMINFO);
  made.outputs.set("df ", DF);
  made.outputs.set("cat /proc/filesystems", "nodev\tproc\nnodev\toverlay\n\text4\n");
  made.outputs.set("cat /sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
  made.outputs.set("ls -d", "/dev/net/tun\n/proc/sys/net/bridge/bridge-nf-call-iptables\n");
  made.outputs.set(
    "chronyc",
    "0A560001,10.86.0.1,11,1.0,0.000300252,0.0,0.0,0.0,0.0,0.0,0.0,0.0,16.1,Normal\n",
  );
  made.outputs.set("cat /proc/1/status", "CapBnd:\t000001fffcffffff\n");
  made.outputs.set("ls /etc/kubernetes/kubelet.conf", "");
  made.outputs.set("kubectl", "ok");
  return made;
}

describe("cluster-os doctor", () => {
  it("finds nothing on healthy machines, and says so with exit code 0", async () => {
    const { exitCode, stdout, stderr } = await type("doctor", { lab: new FakeLab(machine(1), machine(2)) });
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: "" });
    expect(stdout).to.equal("m1 (n-aaaaaaaaaa): nothing is wrong\n\nm2 (n-bbbbbbbbbb): nothing is wrong\n");
  });

  it("tells what, why and what to do, machine by machine, with exit code 1", async () => {
    const off = machine(3);
    off.on = false;
    const lab = new FakeLab(machine(1), machine(2, "chrony.service"), off);
    const { exitCode, stdout } = await type("doctor", { lab });
    expect(exitCode).to.equal(1);
    expectGolden("doctor.txt", stdout);
  });

  it("examines one machine, and prints the documented JSON", async () => {
    const lab = new FakeLab(machine(1), machine(2, "chrony.service"));
    const { exitCode, stdout } = await type("doctor m2 -o json", { lab });
    expect(exitCode).to.equal(1);
    const [report, ...others] = DoctorReport.parse(JSON.parse(stdout));
    expect(others).to.deep.equal([]);
    expect(report).to.deep.include({ machine: "m2", node: "n-bbbbbbbbbb", unread: [] });
    expect(report?.findings.map(({ kind }) => kind)).to.deep.equal(["unit-down"]);
  });

  it("on a node, examines that node", async () => {
    const lab = new FakeLab();
    lab.isPossible = false;
    const { exitCode, stdout } = await type("doctor", { lab, thisMachine: machine(1) });
    expect({ exitCode, stdout }).to.deep.equal({
      exitCode: 0,
      stdout: "m1 (n-aaaaaaaaaa): nothing is wrong\n",
    });
  });

  it("tells a path that carries small packets only from one that carries none", async () => {
    const peers = ["b", "c", "d", "e"].map((name, index) => ({
      name: `n-${name}`,
      address: `10.86.0.${index + 2}`,
      isAlive: name !== "e",
      rxBytes: 0,
      txBytes: 0,
    }));
    const mesh = { interface: "cos0", network: "10.86.0.0/16", implementation: "kernel" as const, peers };
    const one = new FakeMachine(1, nodeStatus(1, { mesh }));
    one.outputs.set("cat /sys/class/net/cos0/mtu", "8920\n");
    one.outputs.set("ping -V", "");
    const ping = (size: number, address: string) =>
      `ping -n -q -c 5 -i 0.2 -W 2 -M do -s ${size} 10.86.0.${address}`;
    one.outputs.set(ping(8892, "2"), "");
    one.outputs.set(ping(56, "3"), "");
    const { paths } = await gatherFacts(one, { nowMs: NOW_MS, againMs: 1 });
    expect(paths).to.deep.equal([
      { peer: "n-b", bytes: 8920, carries: "all" },
      { peer: "n-c", bytes: 8920, carries: "small" },
      { peer: "n-d", bytes: 8920, carries: "none" },
    ]);
  });

  it("names what it could not read", async () => {
    const bare = new FakeMachine(1, new Error("bootstrap is not running on this machine"));
    const facts = await gatherFacts(bare, { nowMs: NOW_MS, againMs: 1 });
    expect(unread(facts)).to.deep.equal(["units", "interfaces", "memory", "disks", "kernel"]);
    const { exitCode, stdout } = await type("doctor", { lab: new FakeLab(bare) });
    expect(exitCode).to.equal(1);
    expect(stdout).to.include("[bootstrap-silent]").and.include("could not be read: units, interfaces");
  });
});

describe("on a node", () => {
  for (const line of ["up", "down", "kill m1", "start 2", "shell m1", "logs m1", "doctor m1"]) {
    it(`${line} says that it is for labs`, async () => {
      const lab = new FakeLab();
      lab.isPossible = false;
      const { exitCode, stderr } = await type(line, { lab, thisMachine: machine(1) });
      expect(exitCode).to.equal(1);
      expect(stderr).to.include("about machines of a lab").and.include("npx cluster-os");
    });
  }
});

describe("what programs write is read", () => {
  it("systemctl show", () => {
    expect(
      parseUnits(showOf("kubelet.service")).find(({ name }) => name === "kubelet.service"),
    ).to.deep.equal({
      name: "kubelet.service",
      activeState: "inactive",
      subState: "dead",
      result: "success",
      isLoaded: true,
    });
    expect(parseUnits("")).to.deep.equal([]);
  });

  it("ip address: only what leads to other machines", () =>
    expect(parseInterfaces(IP_ADDRESS, [])).to.deep.equal([
      { name: "eth0", isUp: true, hasCarrier: true, isWireless: false, addresses: ["fe80::1"] },
      { name: "eth1", isUp: true, hasCarrier: false, isWireless: false, addresses: [] },
    ]));

  it("/proc/meminfo", () => {
    expect(parseMemory(MEMINFO)).to.deep.equal({ totalBytes: 16_777_216_000, availableBytes: 8_388_608_000 });
    expect(parseMemory("nothing")).to.equal(undefined);
  });

  it("df: each file system once", () =>
    expect(parseDisks(DF).map(({ availableBytes }) => availableBytes)).to.deep.equal([30e9, 8e9]));

  it("cgroup controllers of either version", () => {
    expect(parseControllers(CGROUPS_V1, "")).to.deep.equal(["cpu", "pids"]);
    expect(parseControllers("", "cpu memory\n")).to.deep.equal(["cpu", "memory"]);
  });

  it("a file without a certificate has none", () =>
    expect(parseCertificate("/x", "hello")).to.deep.equal([]));
});
