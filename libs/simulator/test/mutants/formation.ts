import { decodeNodeState, encodeNodeState } from "@cluster-os/formation";
import type { Mutant } from "./mutant.ts";

/** Genesis and epochs: Paxos with one of its rules left out. */
export const formationMutants: readonly Mutant[] = [
  {
    name: "a quorum that is no majority",
    machines: 3,
    focus: "genesis",
    variation: { rules: { quorum: (electorate) => Math.floor(electorate / 2) } },
    violation: /two clusters/,
    seed: 2,
  },
  {
    name: "a promise that is on disk only after the answer has left",
    machines: 3,
    focus: "genesis",
    variation: { persistLateMs: 200 },
    violation: /two clusters|is a member of .* and of/,
    seed: 30,
  },
  {
    name: "an acceptor that forgets at a restart what it promised and accepted",
    machines: 3,
    focus: "genesis",
    variation: {
      readDisk: (disk) => disk && encodeNodeState({ ...decodeNodeState(disk), genesisBallot: {} }),
    },
    violation: /two clusters/,
    seed: 30,
  },
  {
    name: "a ballot that is accepted without a look at what was promised",
    machines: 3,
    focus: "genesis",
    variation: { rules: { mayAccept: () => true } },
    violation: /two clusters/,
    seed: 48,
  },
  {
    name: "a proposer that does not keep what was accepted",
    machines: 3,
    focus: "genesis",
    variation: { rules: { valueToKeep: () => undefined } },
    violation: /two clusters/,
    seed: 2,
  },
  {
    name: "a server that votes for a later epoch though it joined",
    machines: 3,
    focus: "epochs",
    variation: { rules: { mayVote: () => true } },
    violation: /established/,
    seed: 1,
  },
  {
    name: "a server that counts as joined though it voted for a later epoch",
    machines: 3,
    focus: "epochs",
    variation: { rules: { mayJoin: () => true } },
    violation: /established/,
    seed: 25,
  },
  {
    name: "a stale initialiser that does not wipe what it began",
    machines: 3,
    focus: "epochs",
    variation: { wipesStale: false },
    violation: /former epoch|servers are voters|does not see|established/,
    seed: 18,
  },
  {
    name: "a boot counter that is not kept",
    machines: 3,
    focus: "all",
    variation: { readDisk: (disk) => disk && encodeNodeState({ ...decodeNodeState(disk), bootCounter: 0 }) },
    violation: /boot counter/,
    seed: 1,
  },
];
