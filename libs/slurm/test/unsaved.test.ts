import { expect } from "chai";
import { unsavedNode, unsavedStart, type NodeView, type RunningJob } from "@cluster-os/slurm";

const job = (startedAt: number): RunningJob => ({ id: startedAt, startedAt });

describe("a job that slurmctld has not saved as running", () => {
  const cases: readonly {
    name: string;
    starts: readonly number[];
    savedAtMs: number;
    nowMs: number;
    expected: number | undefined;
  }[] = [
    { name: "none where none runs", starts: [], savedAtMs: 0, nowMs: 900_000, expected: undefined },
    {
      name: "none that began before a save",
      starts: [99],
      savedAtMs: 100_400,
      nowMs: 900_000,
      expected: undefined,
    },
    { name: "one that began after it", starts: [99, 110], savedAtMs: 100_400, nowMs: 900_000, expected: 110 },
    { name: "one in the second of it", starts: [100], savedAtMs: 100_900, nowMs: 106_000, expected: 100 },
    {
      name: "none while slurmctld still has time",
      starts: [100],
      savedAtMs: 100_900,
      nowMs: 105_900,
      expected: undefined,
    },
  ];
  for (const { name, starts, savedAtMs, nowMs, expected } of cases)
    it(name, () => expect(unsavedStart(starts.map(job), savedAtMs, nowMs)?.id).to.equal(expected));
});

describe("a node that slurmctld has not saved", () => {
  const node = (name: string): NodeView => ({
    name,
    states: ["IDLE"],
    reason: "",
    reasonBy: "",
    comment: "",
  });
  const saved = Buffer.from("\0\0\0\x05n-a2\0\0\0\0\x04n-b\0", "latin1");
  const cases: readonly (readonly [string, readonly string[], Buffer | undefined, string | undefined])[] = [
    ["none where there is none", [], undefined, undefined],
    ["any before the first save", ["n-b"], undefined, "n-b"],
    ["none that is in the file", ["n-b", "n-a2"], saved, undefined],
    ["one that came after it", ["n-b", "n-c"], saved, "n-c"],
    ["one whose name another begins with", ["n-a2", "n-a"], saved, "n-a"],
  ];
  for (const [name, names, file, expected] of cases)
    it(name, () => expect(unsavedNode(names.map(node), file)?.name).to.equal(expected));
});
