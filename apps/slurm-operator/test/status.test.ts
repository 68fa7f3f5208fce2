import { SlurmClusterStatusSchema } from "@cluster-os/api";
import { expect } from "chai";
import { planStatus, type StatusObserved } from "../src/plan/status.ts";
import { copy, lease, machine } from "./fixtures.ts";

const keys = {
  current: { generation: 1, secret: new Uint8Array(128).fill(65), madeAt: "2026-01-01T00:00:00Z" },
  jwt: new Uint8Array(32),
  askedBy: "",
  revocations: "",
};
const running = {
  ...copy(4, 9, true),
  configHash: "abc",
};
const told = {
  ...running,
  controller: {
    ...running.controller!,
    jobs: { running: 2, pending: 3 },
    nodes: { total: 3, available: 2, down: 1, drained: 0 },
  },
};
const WELL = [machine("n-a", told), machine("n-b", copy(4, 9)), machine("n-c", copy(4, 9))];
const observed: StatusObserved = {
  before: undefined,
  generation: 7,
  machines: WELL,
  lease: lease(),
  isSilent: false,
  isSilentLong: false,
  config: { hash: "abc" },
  configError: undefined,
  keys,
  nowIso: "2026-06-01T12:00:00Z",
};

describe("planStatus", () => {
  const cases: readonly (Partial<StatusObserved> & {
    readonly name: string;
    readonly expected: Record<string, string>;
  })[] = [
    {
      name: "all is well",
      expected: {
        Ready: "True/TakesJobs",
        ControllerAvailable: "True/Running",
        StateReplicated: "True/Majority",
        FailoverReady: "True/Ready",
        ConfigApplied: "True/Applied",
        KeysSynced: "True/Synced",
      },
    },
    {
      name: "no machine yet",
      machines: [],
      lease: undefined,
      keys: undefined,
      expected: { Ready: "False/NotInstalled", KeysSynced: "False/NoKeys" },
    },
    {
      name: "SLURM is not installed",
      machines: [machine("n-a", {}, { slurm: undefined })],
      lease: undefined,
      expected: {
        Ready: "False/NotInstalled",
        ControllerAvailable: "False/NotInstalled",
        KeysSynced: "True/Synced",
      },
    },
    {
      name: "no machine that has SLURM is ready",
      machines: [machine("n-a", {}, { isReady: false })],
      lease: undefined,
      expected: { Ready: "False/NoCandidate" },
    },
    { name: "the holder is silent", isSilent: true, expected: { ControllerAvailable: "False/Electing" } },
    {
      name: "the holder is silent, and half of the copies",
      isSilent: true,
      machines: [WELL[0]!, WELL[1]!, machine("n-c", {}, { isReady: false })],
      expected: { ControllerAvailable: "False/NoMajority" },
    },
    {
      name: "the holder is silent for long, but its machine is Ready: its copy counts",
      isSilent: true,
      isSilentLong: true,
      machines: [WELL[0]!, WELL[1]!, machine("n-c", {}, { isReady: false })],
      expected: { ControllerAvailable: "False/Electing" },
    },
    {
      name: "slurmctld of an earlier epoch is none",
      lease: lease({ epoch: 5 }),
      expected: { ControllerAvailable: "False/Starting", StateReplicated: "False/NoMajority" },
    },
    {
      name: "one copy is behind: no failover without the other",
      machines: [WELL[0]!, WELL[1]!, machine("n-c", copy(3, 1))],
      expected: { StateReplicated: "True/Majority", FailoverReady: "False/Behind" },
    },
    {
      name: "a configuration that was refused",
      config: { hash: "new" },
      machines: [
        machine("n-a", { ...told, configRefused: { hash: "new", message: "no such plugin" } }),
        ...WELL.slice(1),
      ],
      expected: { ConfigApplied: "False/Refused", Ready: "True/TakesJobs" },
    },
    {
      name: "a configuration on its way",
      config: { hash: "new" },
      expected: { ConfigApplied: "False/Pending" },
    },
    {
      name: "a machine without the key",
      machines: [...WELL, machine("n-d", { keyGenerations: {} })],
      expected: { KeysSynced: "False/Missing" },
    },
  ];
  for (const { name, expected, ...given } of cases) {
    it(name, () => {
      const status = planStatus({ ...observed, ...given });
      expect(() => SlurmClusterStatusSchema.parse(status)).not.to.throw();
      const found = Object.fromEntries(
        (status.conditions ?? []).map((one) => [one.type, `${one.status}/${one.reason}`]),
      );
      expect(found).to.include(expected);
    });
  }

  it("shows who, where, how many, and no key", () => {
    const status = planStatus(observed);
    expect(status.activeController).to.include({ node: "n-a", epoch: 4 });
    expect(status).to.deep.include({ nodesText: "2/3", jobs: { running: 2, pending: 3 } });
    expect(JSON.stringify(status)).not.to.contain("QUFBQ");
  });

  it("a cordoned machine is to be drained, by its owner's reason", () => {
    const machines = [...WELL.slice(0, 2), { ...WELL[2]!, isCordoned: true }];
    expect(planStatus({ ...observed, machines }).drains).to.deep.equal([
      { node: "n-c", reason: "cluster-os: cordoned in Kubernetes" },
    ]);
  });

  it("looking twice changes nothing", () => {
    const before = planStatus(observed);
    expect(planStatus({ ...observed, before, nowIso: "2026-06-01T12:30:00Z" })).to.deep.equal(before);
  });
});
