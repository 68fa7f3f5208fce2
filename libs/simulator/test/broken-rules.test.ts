import { expect } from "chai";
import { decodeNodeState, encodeNodeState, type FormationRules } from "@cluster-os/formation";
import { simulate, SimulationError, type Focus, type SimulationOptions } from "../src/index.ts";

/** Each breaks one rule that safety rests on. If none of the seeds shows it, the simulator looks in the wrong places. */
interface Variant {
  readonly name: string;
  readonly focus: Focus;
  readonly rules?: Partial<FormationRules>;
  readonly readDisk?: (disk: Uint8Array | undefined) => Uint8Array | undefined;
  readonly violation: RegExp;
}

const MOST_SEEDS = 200;

const variants: readonly Variant[] = [
  {
    name: "a quorum that is no majority",
    focus: "genesis",
    rules: { quorum: (electorate) => Math.floor(electorate / 2) },
    violation: /two clusters|established/,
  },
  {
    name: "an acceptor that forgets at a restart what it promised and accepted",
    focus: "genesis",
    readDisk: (disk) => disk && encodeNodeState({ ...decodeNodeState(disk), genesisBallot: {} }),
    violation: /two clusters/,
  },
  {
    name: "an acceptor that accepts under a ballot lower than it promised",
    focus: "genesis",
    rules: { mayAccept: () => true },
    violation: /two clusters/,
  },
  {
    name: "a proposer that does not keep what was accepted",
    focus: "genesis",
    rules: { valueToKeep: () => undefined },
    violation: /two clusters/,
  },
  {
    name: "a server that votes for a later epoch though it joined",
    focus: "epochs",
    rules: { mayVote: () => true },
    violation: /established/,
  },
  {
    name: "a server that counts as joined though it voted for a later epoch",
    focus: "epochs",
    rules: { mayJoin: () => true },
    violation: /established/,
  },
];

describe("a broken rule is noticed:", () => {
  for (const { name, violation, ...broken } of variants) {
    it(name, () => {
      for (let seed = 1; seed <= MOST_SEEDS; seed += 1) {
        const reason = whatGoesWrong({ seed, machines: 3, ...broken });
        if (reason !== undefined && violation.test(reason)) return;
      }
      expect.fail(`no history of ${MOST_SEEDS} shows it`);
    }).timeout(600_000);
  }
});

/** The first line of what a history ends with; undefined when all is well. */
function whatGoesWrong(options: SimulationOptions): string | undefined {
  try {
    simulate(options);
    return undefined;
  } catch (error) {
    if (error instanceof SimulationError) return error.message.split("\n")[0];
    throw error;
  }
}
