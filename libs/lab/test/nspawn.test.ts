import { expect } from "chai";
import { enterCommand, machineEnvironment, nspawnCommand } from "../src/nspawn.ts";

const LAUNCH = {
  name: "cos-lab-m2",
  root: "/state/m2/root",
  binds: [{ host: "/state/m2/disk/etcd", machine: "/var/lib/etcd" }],
};

describe("nspawnCommand", () => {
  it("boots the root with its disks, on cgroup version 1", () => {
    const { argv, env } = nspawnCommand({ ...LAUNCH, cgroupMode: "v1" });
    expect(argv[0]).to.equal("systemd-nspawn");
    expect(argv).to.include.members([
      "--directory=/state/m2/root",
      "--bind=/state/m2/disk/etcd:/var/lib/etcd",
      "--console=read-only",
      "--boot",
    ]);
    expect(argv.at(-1)).to.equal("SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1");
    expect(env).to.include({ SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "0", SYSTEMD_NSPAWN_API_VFS_WRITABLE: "1" });
  });

  it("tells the machine's systemd nothing on cgroup version 2", () => {
    const { argv, env } = nspawnCommand({ ...LAUNCH, cgroupMode: "v2" });
    expect(argv.filter((word) => !word.startsWith("--"))).to.deep.equal(["systemd-nspawn"]);
    expect(env).to.include({ SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" });
  });

  it("lets no machine set the clock, which is the host's", () => {
    const { argv } = nspawnCommand({ ...LAUNCH, cgroupMode: "v2" });
    expect(argv).to.include.members(["--capability=all", "--drop-capability=CAP_SYS_TIME"]);
  });

  it("never tells a machine its number: every one is localhost", () => {
    const { argv, env } = nspawnCommand({ ...LAUNCH, cgroupMode: "v1" });
    expect(argv).to.include("--hostname=localhost");
    expect(argv.filter((word) => word.startsWith("--setenv"))).to.deep.equal([]);
    expect(JSON.stringify(env)).not.to.include("m2");
  });
});

describe("enterCommand", () => {
  it("enters all namespaces, starts at the machine's own folder and dies with its caller", () => {
    expect(enterCommand(42, ["ls", "-l"]).join(" ")).to.equal(
      "nsenter --target=42 --mount --pid --net --uts --ipc --cgroup --root --wd setpriv --pdeathsig=KILL --bounding-set=-sys_time --inh-caps=-sys_time ls -l",
    );
  });
});

describe("machineEnvironment", () => {
  it("has a terminal only when there is one", () => {
    expect(machineEnvironment(undefined)).not.to.have.property("TERM");
    expect(machineEnvironment("xterm")).to.include({ TERM: "xterm", HOME: "/root" });
  });
});
