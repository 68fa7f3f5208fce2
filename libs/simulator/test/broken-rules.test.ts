import { expect } from "chai";
import { decodeNodeState, encodeNodeState, type FormationRules } from "@cluster-os/formation";
import { simulate, SimulationError, type SimulationOptions } from "../src/index.ts";

/** Each breaks one rule that safety rests on. If none of the seeds shows it, the simulator looks in the wrong places. */
interface Variant {
  readonly name: string;
  readonly machines: number;
  readonly rules?: Partial<FormationRules>;
  readonly readDisk?: SimulationOptions["readDisk"];
  readonly violation: RegExp;
}

const MOST_SEEDS = 200;

const variants: readonly Variant[] = [
  {
    name: "a quorum that is no majority",
    machines: 3,
    rules: { quorum: (electorate) => Math.floor(electorate / 2) },
    violation: /two clusters|established/,
  },
  {
    name: "an acceptor that forgets at a restart what it promised and accepted",
    machines: 3,
    readDisk: (disk) => disk && encodeNodeState({ ...decodeNodeState(disk), genesisBallot: {} }),
    violation: /two clusters/,
  },
  {
    name: "an acceptor that accepts under a ballot lower than it promised",
    machines: 3,
    rules: { mayAccept: () => true },
    violation: /two clusters/,
  },
  {
    name: "a proposer that does not keep what was accepted",
    machines: 3,
    rules: { valueToKeep: () => undefined },
    violation: /two clusters/,
  },
  {
    name: "a server that votes for a later epoch though it joined",
    machines: 3,
    rules: { mayVote: () => true },
    violation: /established/,
  },
  {
    name: "a server that counts as joined though it voted for a later epoch",
    machines: 3,
    rules: { mayJoin: () => true },
    violation: /established/,
  },
];

describe("a broken rule is noticed:", () => {
  for (const { name, machines, violation, ...broken } of variants) {
    it(name, () => {
      for (let seed = 1; seed <= MOST_SEEDS; seed += 1) {
        try {
          simulate({ seed, machines, ...broken });
        } catch (error) {
          if (error instanceof SimulationError && violation.test(error.message.split("\n")[0] as string)) return;
          throw error;
        }
      }
      expect.fail(`no history of ${MOST_SEEDS} shows it`);
    }).timeout(600_000);
  }
});
