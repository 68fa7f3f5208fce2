import type { SlurmLease } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import { planController, type ControllerObserved } from "../src/plan/controller.ts";
import { copy, lease, machine, NOW, POLICY } from "./fixtures.ts";

const WELL = [machine("n-a", copy(4, 9, true)), machine("n-b", copy(4, 9)), machine("n-c", copy(4, 8))];
const NAMES = ["n-a", "n-b", "n-c"];
const away = { isReady: false, since: NOW - 1000 };
const { holder: _, ...free } = lease();

describe("planController", () => {
  const cases: readonly (Partial<ControllerObserved> & {
    readonly name: string;
    readonly expected: Partial<SlurmLease> | undefined;
  })[] = [
    {
      name: "names nobody while no machine is ready",
      machines: [machine("n-a", {}, away)],
      lease: undefined,
      expected: undefined,
    },
    {
      name: "names nobody where SLURM is not installed",
      machines: [machine("n-a", {}, { slurm: undefined })],
      lease: undefined,
      expected: undefined,
    },
    {
      name: "names one that has SLURM, and counts no other",
      machines: [machine("n-a", {}, { slurm: undefined }), machine("n-b")],
      lease: undefined,
      expected: { holder: "n-b", replicas: ["n-b"] },
    },
    {
      name: "names nobody in turn when it was taken off every machine",
      machines: NAMES.map((name) => machine(name, {}, { slurm: undefined })),
      isSilent: true,
      lease: lease({ mayFound: true }),
      expected: undefined,
    },
    {
      name: "names the first of machines that have nothing, who may begin with nothing",
      machines: [machine("n-b"), machine("n-a"), machine("n-c")],
      lease: undefined,
      expected: { epoch: 1, holder: "n-a", replicas: ["n-a", "n-b", "n-c"], mayFound: true },
    },
    {
      name: "two machines keep one copy: two would survive no more",
      machines: [machine("n-a"), machine("n-b")],
      lease: undefined,
      expected: { replicas: ["n-a"] },
    },
    {
      name: "a Lease that was deleted does not make anybody begin with nothing",
      lease: undefined,
      expected: { epoch: 5, holder: "n-a", mayFound: false },
    },
    { name: "leaves well alone", expected: undefined },
    {
      name: "leaves a holder that renews alone, whatever its ClusterNode says",
      machines: [machine("n-a", copy(4, 9, true), away), ...WELL.slice(1)],
      expected: undefined,
    },
    {
      name: "names the newest when the holder is silent",
      isSilent: true,
      expected: { epoch: 5, holder: "n-b", replicas: ["n-a", "n-b", "n-c"] },
    },
    {
      name: "a later epoch is newer than more saves of an earlier one",
      isSilent: true,
      machines: [WELL[0]!, machine("n-b", copy(3, 99)), machine("n-c", copy(4, 1))],
      expected: { holder: "n-c" },
    },
    {
      name: "names the newest when the lease was given back, at once",
      lease: free,
      expected: { epoch: 5, holder: "n-a" },
    },
    {
      name: "names nobody without more than half of the replicas",
      isSilent: true,
      machines: [WELL[0]!, WELL[1]!, machine("n-c", copy(4, 8), away)],
      expected: undefined,
    },
    {
      name: "a holder that is silent for long, and whose machine is Ready, cannot lead; its copy counts, and another tries",
      isSilent: true,
      isSilentLong: true,
      machines: [WELL[0]!, WELL[1]!, machine("n-c", copy(4, 8), away)],
      expected: { epoch: 5, holder: "n-b" },
    },
    {
      name: "a machine that keeps no copy does not count for half",
      isSilent: true,
      machines: [WELL[0]!, WELL[1]!, machine("n-c", copy(4, 8), away), machine("n-d")],
      expected: undefined,
    },
    {
      name: "the only one there is comes back in another epoch",
      isSilent: true,
      lease: lease({ replicas: ["n-a"] }),
      machines: [WELL[0]!],
      expected: { epoch: 5, holder: "n-a" },
    },
    {
      name: "asks the holder to go for a better one that has everything",
      policy: { ...POLICY, preference: ["n-c"] },
      expected: { epoch: 4, holder: "n-a", isReleaseWanted: true },
    },
    {
      name: "has a better one that keeps no copy get one first, in the place of the least preferred",
      policy: { ...POLICY, preference: ["n-d", "n-c"] },
      machines: [...WELL, machine("n-d")],
      expected: { epoch: 4, holder: "n-a", replicas: ["n-a", "n-c", "n-d"] },
    },
    {
      name: "has it get one in the place of one that is away",
      policy: { ...POLICY, preference: ["n-d"] },
      machines: [WELL[0]!, machine("n-b", copy(4, 9), away), WELL[2]!, machine("n-d")],
      expected: { epoch: 4, holder: "n-a", replicas: ["n-a", "n-c", "n-d"] },
    },
    {
      name: "gives no copy up for a better one that is cordoned",
      policy: { ...POLICY, preference: ["n-d"] },
      machines: [...WELL, machine("n-d", {}, { isCordoned: true })],
      expected: undefined,
    },
    {
      name: "does not ask for one that is behind",
      policy: { ...POLICY, preference: ["n-c"] },
      machines: [WELL[0]!, WELL[1]!, machine("n-c", copy(3, 8))],
      expected: undefined,
    },
    {
      name: "asks a cordoned holder to go",
      machines: [{ ...WELL[0]!, isCordoned: true }, ...WELL.slice(1)],
      expected: { isReleaseWanted: true },
    },
    {
      name: "replaces a replica that was away for long",
      machines: [
        WELL[0]!,
        WELL[1]!,
        machine("n-c", copy(4, 8), { isReady: false, since: NOW - 400_000 }),
        machine("n-d"),
      ],
      expected: { epoch: 4, holder: "n-a", replicas: ["n-a", "n-b", "n-d"] },
    },
    {
      name: "waits for one that was away for a moment",
      machines: [WELL[0]!, WELL[1]!, machine("n-c", copy(4, 8), away), machine("n-d")],
      expected: undefined,
    },
    {
      name: "more machines make more copies",
      lease: lease({ replicas: ["n-a"] }),
      expected: { epoch: 4, replicas: ["n-a", "n-b", "n-c"] },
    },
    {
      name: "once anything was saved, nobody begins with nothing any more",
      lease: lease({ mayFound: true }),
      expected: { epoch: 4, mayFound: false },
    },
  ];
  for (const { name, expected, ...given } of cases) {
    it(name, () => {
      const observed = {
        policy: POLICY,
        machines: WELL,
        lease: lease(),
        isSilent: false,
        isSilentLong: false,
        nowMs: NOW,
        ...given,
      };
      const action = planController(observed);
      if (expected === undefined) expect(action).to.equal(undefined);
      else expect(action?.lease).to.deep.include(expected);
    });
  }

  const anyMachine = fc.record({
    name: fc.constantFrom("n-a", "n-b", "n-c", "n-d", "n-e"),
    isReady: fc.boolean(),
    isCordoned: fc.boolean(),
    epoch: fc.integer({ min: 1, max: 5 }),
    sequence: fc.nat(3),
    hasCopy: fc.boolean(),
  });
  const anyMachines = fc
    .uniqueArray(anyMachine, { selector: ({ name }) => name })
    .map((all) =>
      all.map(({ name, isReady, isCordoned, epoch, sequence, hasCopy }) =>
        machine(name, hasCopy ? copy(epoch, sequence) : {}, { isReady, isCordoned, since: NOW }),
      ),
    );
  const anyLease = fc.record({
    epoch: fc.constant(4),
    holder: fc.constantFrom("n-a", "n-b"),
    leaseSeconds: fc.constant(8),
    replicas: fc.subarray(["n-a", "n-b", "n-c"], { minLength: 1 }),
    mayFound: fc.boolean(),
    isReleaseWanted: fc.boolean(),
  });

  it("a preferred machine that is well leads in the end, one change at a time, and nothing changes after that", () => {
    const names = ["n-a", "n-b", "n-c", "n-d", "n-e"];
    const preferences = fc.shuffledSubarray(names, { minLength: 1 });
    fc.assert(
      fc.property(preferences, fc.constantFrom(1, 3, 5), (preference, count) => {
        const policy = { ...POLICY, preference, replicas: count };
        let present = lease({ replicas: names.slice(0, count), holder: "n-a" });
        for (let round = 0; round < 10; round += 1) {
          // Whoever is to keep the state has it soon, and a holder that is to go gives the lease back.
          const machines = names.map((name) =>
            machine(name, present.replicas.includes(name) ? copy(present.epoch, round) : {}),
          );
          const { isReleaseWanted, holder: _, ...rest } = present;
          const seen = isReleaseWanted ? { ...rest, isReleaseWanted: false } : present;
          const action = planController({
            policy,
            machines,
            lease: seen,
            isSilent: false,
            isSilentLong: false,
            nowMs: NOW,
          });
          if (action === undefined) break;
          const added = action.lease.replicas.filter((name) => !present.replicas.includes(name));
          expect(added.length).to.be.at.most(1);
          present = action.lease;
        }
        // With one copy there is nobody else who could have everything.
        expect(present.holder).to.equal(count === 1 ? "n-a" : preference[0]);
      }),
    );
  });

  it("never names another one in an epoch that has one, and never one while the holder renews", () => {
    fc.assert(
      fc.property(anyMachines, anyLease, fc.boolean(), (machines, present, isSilent) => {
        const action = planController({
          policy: POLICY,
          machines,
          lease: present,
          isSilent,
          isSilentLong: false,
          nowMs: NOW,
        });
        if (action === undefined) return;
        const isNew = action.lease.epoch > present.epoch;
        expect(isNew).to.equal(isSilent);
        if (!isNew) expect(action.lease.holder).to.equal(present.holder);
        if (action.lease.mayFound) expect(present.mayFound).to.equal(true);
      }),
    );
  });

  it("comes to rest: what it wrote leaves nothing to write", () => {
    fc.assert(
      fc.property(anyMachines, anyLease, fc.boolean(), (machines, present, isSilent) => {
        const observed = { policy: POLICY, machines, isSilentLong: false, nowMs: NOW };
        let action = planController({ ...observed, lease: present, isSilent });
        // Another controller, other replicas, and word that it is to go again: each at most once.
        for (let written = 0; action !== undefined && written < 3; written += 1)
          action = planController({ ...observed, lease: action.lease, isSilent: false });
        expect(action).to.equal(undefined);
      }),
    );
  });
});
