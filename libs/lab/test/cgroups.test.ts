import { expect } from "chai";
import { chooseCgroupMode, parseHierarchies, planCgroups } from "../src/cgroups.ts";

const HYBRID_CGROUP = `5:cpu,cpuacct:/
4:memory:/jobs/7
3:cpuset:/
2:pids:/
1:name=systemd:/
0::/
`;
const HYBRID_MOUNTS = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime shared:9 - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const UNIFIED_CGROUP = "0::/user.slice/session-1.scope\n";
const UNIFIED_MOUNTS =
  "29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const UNIFIED_CONTROLLERS = ["cpuset", "cpu", "io", "memory", "pids"];

describe("parseHierarchies", () => {
  it("finds this process in every hierarchy of a host with version 1", () => {
    const hierarchies = parseHierarchies(HYBRID_CGROUP, HYBRID_MOUNTS);
    expect(
      hierarchies.map(({ version, controllers, own }) => [version, controllers.join(), own]),
    ).to.deep.equal([
      [1, "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"],
      [1, "cpuset", "/sys/fs/cgroup/cpuset"],
      [1, "memory", "/sys/fs/cgroup/memory/jobs/7"],
      [1, "pids", "/sys/fs/cgroup/pids"],
      [1, "name=systemd", "/sys/fs/cgroup/systemd"],
      [2, "", "/sys/fs/cgroup/unified"],
    ]);
  });

  it("leaves out what of the path is above the mount, as in a container", () => {
    const [only] = parseHierarchies(
      "4:memory:/docker/abc/inner\n",
      "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
    );
    expect(only?.own).to.equal("/sys/fs/cgroup/memory/inner");
  });

  it("leaves out hierarchies that are not mounted", () => {
    expect(
      parseHierarchies("4:memory:/\n3:rdma:/\n", HYBRID_MOUNTS).map((one) => one.controllers),
    ).to.deep.equal([["memory"]]);
  });
});

describe("chooseCgroupMode", () => {
  const hybrid = parseHierarchies(HYBRID_CGROUP, HYBRID_MOUNTS);
  const unified = parseHierarchies(UNIFIED_CGROUP, UNIFIED_MOUNTS);
  const cases = [
    {
      name: "version 1 where the controllers are there",
      hierarchies: hybrid,
      controllers: [],
      expected: "v1",
    },
    {
      name: "version 2 where they are there",
      hierarchies: unified,
      controllers: UNIFIED_CONTROLLERS,
      expected: "v2",
    },
    {
      name: "neither if one is missing",
      hierarchies: unified,
      controllers: ["cpu", "cpuset", "memory"],
      expected: undefined,
    },
    { name: "neither without any hierarchy", hierarchies: [], controllers: [], expected: undefined },
  ];
  for (const { name, hierarchies, controllers, expected } of cases) {
    it(name, () => expect(chooseCgroupMode(hierarchies, controllers)).to.equal(expected));
  }
});

describe("planCgroups", () => {
  it("version 1: a cgroup below the caller's own in every hierarchy; commands join those with controllers", () => {
    const plans = planCgroups(parseHierarchies(HYBRID_CGROUP, HYBRID_MOUNTS), "cos-lab-m1", "v1", []);
    expect(plans.map(({ path, copyCpuset, joined }) => [path, copyCpuset, joined])).to.deep.equal([
      ["/sys/fs/cgroup/cpu,cpuacct/cos-lab-m1", false, true],
      ["/sys/fs/cgroup/cpuset/cos-lab-m1", true, true],
      ["/sys/fs/cgroup/memory/jobs/7/cos-lab-m1", false, true],
      ["/sys/fs/cgroup/pids/cos-lab-m1", false, true],
      ["/sys/fs/cgroup/systemd/cos-lab-m1", false, false],
      ["/sys/fs/cgroup/unified/cos-lab-m1", false, false],
    ]);
    expect(plans.flatMap((plan) => plan.enable)).to.deep.equal([]);
  });

  it("version 2: below the root, with the controllers enabled for it", () => {
    const plans = planCgroups(
      parseHierarchies(UNIFIED_CGROUP, UNIFIED_MOUNTS),
      "cos-lab-m1",
      "v2",
      UNIFIED_CONTROLLERS,
    );
    expect(plans).to.deep.equal([
      {
        path: "/sys/fs/cgroup/cos-lab-m1",
        parent: "/sys/fs/cgroup",
        copyCpuset: false,
        enable: UNIFIED_CONTROLLERS,
        joined: false,
      },
    ]);
  });
});
