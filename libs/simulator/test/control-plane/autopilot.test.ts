import { planAutopilot, type AutopilotObserved, type AutopilotPlan } from "@cluster-os/election";
import { expect } from "chai";
import { recordHistory, runHistory, type Moment, type ModelRules } from "../../src/index.ts";

/** A few; `nx run simulator:explore-autopilot` runs as many as wanted. */
const SEEDS = 12;
const DURATION_S = 900;
/** What `explore-autopilot` runs, whose seeds are known. */
const LONG_S = 1_800;
/** A broken one is noticed by one of so many. */
const MOST_SEEDS = 60;
/** etcd lets nobody in sooner after a voter came back. */
const HEALTH_INTERVAL_S = 5;

interface Mutant {
  readonly name: string;
  readonly rules: Partial<ModelRules>;
  readonly violation: RegExp;
  /** One that is known to show it, where few do. */
  readonly seed?: number;
}

const mutants: readonly Mutant[] = [
  {
    name: "a live voter is removed while another one does not answer",
    rules: {
      plan: (observed, now) => removingBeforeAllAreWell(observed) ?? planAutopilot(observed, now),
    },
    violation: /cost the majority/,
  },
  {
    name: "a live voter is told to go while another one does not answer, and nobody looks as it goes",
    rules: {
      plan: (observed, now) => retiringTooSoon(observed) ?? planAutopilot(observed, now),
      stepDownIsChecked: false,
    },
    violation: /cost the majority/,
  },
  {
    name: "a second change in the round of the first",
    rules: { plan: (observed, now) => planAutopilot(withoutJoining(observed), now) },
    violation: /while another change is under way/,
  },
  {
    name: "a join that fails late is wiped with its vote",
    rules: { voteIsGivenBack: false },
    violation: /wipes its vote's data cost the majority/,
  },
  {
    name: "a vote is given back that the others cannot do without",
    rules: { wipeIsChecked: false },
    violation: /wipes its vote's data cost the majority/,
    seed: 141,
  },
  {
    name: "an autopilot that does nothing",
    rules: { plan: (observed, now) => planAutopilot({ ...observed, pause: "for ever" }, now) },
    violation: /at the end a lost member is listed/,
  },
];

describe("a control plane under autopilot", () => {
  it(`never loses its majority by a change, and is whole after peace: seeds 1 to ${SEEDS}`, () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violations } = runHistory({ seed, durationS: DURATION_S });
      expect(violations, `seed ${seed}`).to.deep.equal([]);
    }
  }).timeout(60_000);

  it("replays from its seed", () => {
    const run = () => runHistory({ seed: 3, durationS: DURATION_S });
    expect(run()).to.deep.equal(run());
  }).timeout(60_000);

  it("is the same when it is recorded", () => {
    const { moments, ...report } = recordHistory({ seed: 3, durationS: DURATION_S });
    expect(moments.length).to.be.greaterThan(0);
    expect(report).to.deep.equal(runHistory({ seed: 3, durationS: DURATION_S }));
  }).timeout(60_000);

  it("lets a new member in only when all voters were connected for a while", () => {
    let announced = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { moments } = recordHistory({ seed, durationS: DURATION_S });
      for (const [at, { changes, members }] of moments.entries()) {
        if (!changes.some(({ kind }) => kind === "announce")) continue;
        announced += 1;
        const voters = members.filter(({ isLearner }) => !isLearner).map(({ rank }) => rank);
        const apart = recent(moments, at).filter((moment) => isApart(moment, voters));
        expect(apart, `seed ${seed}, moment ${at}`).to.deep.equal([]);
      }
    }
    expect(announced).to.be.greaterThan(0);
  }).timeout(60_000);
});

describe("a broken autopilot is noticed:", () => {
  for (const { name, rules, violation, seed: known } of mutants) {
    it(name, () => {
      for (let seed = known ?? 1; seed <= (known ?? MOST_SEEDS); seed += 1) {
        const durationS = known === undefined ? DURATION_S : LONG_S;
        const { violations } = runHistory({ seed, durationS, rules });
        // One seed alone may show anything: it is the rule that makes the difference.
        if (known !== undefined) expect(runHistory({ seed, durationS }).violations).to.deep.equal([]);
        if (violations.some((what) => violation.test(what))) return;
      }
      expect.fail("no history shows it");
    }).timeout(60_000);
  }
});

/** What was so within etcd's interval before a moment. */
function recent(moments: readonly Moment[], at: number): readonly Moment[] {
  const since = (moments[at] as Moment).atS - HEALTH_INTERVAL_S;
  return moments.slice(0, at).filter((_, index) => (moments[index + 1] as Moment).atS > since);
}

/** Whether one of these did not answer, or heard not all others. */
function isApart({ machines }: Moment, voters: readonly number[]): boolean {
  const theirs = machines.filter((_, at) => voters.includes(at + 1));
  const areUp = theirs.every(({ power, hasMember }) => power === "on" && hasMember);
  return !areUp || new Set(theirs.map(({ group }) => group)).size > 1;
}

function removingBeforeAllAreWell(observed: AutopilotObserved): AutopilotPlan | undefined {
  const live = liveBesideUnwell(observed);
  return live && { action: { kind: "bury", nodeId: live }, reason: "broken on purpose", wanted: 1 };
}

function retiringTooSoon(observed: AutopilotObserved): AutopilotPlan | undefined {
  const live = liveBesideUnwell(observed);
  return live && { action: { kind: "demote", nodeId: live }, reason: "broken on purpose", wanted: 1 };
}

/** A server that answers, of voters of which another one does not. */
function liveBesideUnwell({ voters = [], servers }: AutopilotObserved) {
  const full = voters.filter(({ isLearner }) => !isLearner);
  if (full.every(({ isHealthy }) => isHealthy)) return undefined;
  return full.find(({ nodeId, isHealthy }) => isHealthy && servers.includes(nodeId))?.nodeId;
}

/** As if nobody were on the way to become a server. */
function withoutJoining(observed: AutopilotObserved): AutopilotObserved {
  const isVoter = (nodeId: string): boolean =>
    (observed.voters ?? []).some((voter) => voter.nodeId === nodeId && !voter.isLearner);
  const isJoining = (nodeId: string): boolean =>
    observed.servers.some((server) => server === nodeId) && !isVoter(nodeId);
  return {
    ...observed,
    nodes: observed.nodes.filter(({ nodeId }) => !isJoining(nodeId)),
    servers: observed.servers.filter(isVoter),
  };
}
