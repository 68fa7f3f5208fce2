import { expect } from "chai";
import { BYTES_PER_MACHINE, findProblems, type Demand, type HostFacts } from "../src/preflight.ts";

const GOOD: HostFacts = {
  isRoot: true,
  missingPrograms: [],
  hasOverlay: true,
  hasTun: true,
  canUnshare: true,
  canAddVeth: true,
  canAddBridge: true,
  hasIpv6: true,
  cgroupMode: "v1",
  nullMode: 0o666,
  freeBytes: 3 * BYTES_PER_MACHINE,
  availableBytes: 6 * 2 ** 30,
};

const DEMAND: Demand = { driver: "nspawn", machines: 3 };
const EMULATED: Demand = { driver: "qemu", machines: 3, memoryBytes: 2 * 2 ** 30 };

describe("findProblems", () => {
  const cases: { name: string; facts: Partial<HostFacts>; demand?: Demand; expected: string[] }[] = [
    { name: "none on a good host", facts: {}, expected: [] },
    {
      name: "only root, when not root: the rest was not found out",
      facts: { isRoot: false, hasTun: false },
      expected: ["needs root"],
    },
    {
      name: "a program, with its package",
      facts: { missingPrograms: ["systemd-nspawn"] },
      expected: ["systemd-container"],
    },
    {
      name: "a program whose package has its name",
      facts: { missingPrograms: ["tar"] },
      expected: ["apt-get install tar"],
    },
    { name: "no overlay", facts: { hasOverlay: false }, expected: ["modprobe overlay"] },
    { name: "no tun", facts: { hasTun: false }, expected: ["modprobe tun"] },
    {
      name: "no namespaces; what was tried in one says nothing",
      facts: { canUnshare: false, canAddVeth: false, canAddBridge: false },
      expected: ["may not make namespaces"],
    },
    {
      name: "no veth and no bridge",
      facts: { canAddVeth: false, canAddBridge: false },
      expected: ["modprobe veth", "modprobe bridge"],
    },
    { name: "no IPv6", facts: { hasIpv6: false }, expected: ["IPv6 is switched off"] },
    { name: "no controllers", facts: { cgroupMode: undefined }, expected: ["neither cgroup version"] },
    { name: "a spoilt /dev/null", facts: { nullMode: 0o600 }, expected: ["mode 0600"] },
    {
      name: "too little space",
      facts: { freeBytes: 3 * BYTES_PER_MACHINE - 1 },
      expected: ["3 machines need"],
    },
    {
      name: "all that is wrong at once",
      facts: { hasTun: false, hasIpv6: false },
      expected: ["/dev/net/tun", "IPv6"],
    },
    {
      name: "of emulated machines: neither cgroups nor /dev/null are the host's",
      facts: { cgroupMode: undefined, nullMode: 0o600 },
      demand: EMULATED,
      expected: [],
    },
    {
      name: "of emulated machines: their memory",
      facts: { availableBytes: 6 * 2 ** 30 - 1 },
      demand: EMULATED,
      expected: ["3 machines need 6144 MiB"],
    },
  ];
  for (const { name, facts, demand = DEMAND, expected } of cases) {
    it(name, () => {
      const problems = findProblems({ ...GOOD, ...facts }, { ...DEMAND, ...demand }, "/var/lib/somewhere");
      const texts = problems.map(({ what, hint }) => `${what} (${hint})`);
      expect(texts).to.have.length(expected.length);
      for (const [index, part] of expected.entries()) expect(texts[index]).to.include(part);
    });
  }
});
