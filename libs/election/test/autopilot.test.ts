import { expect } from "chai";
import fc from "fast-check";
import { nodeIdOf, nodeName, type NodeId } from "@cluster-os/identity";
import {
  DEFAULT_AUTOPILOT_POLICY,
  planAutopilot,
  serversAfter,
  type AutopilotAction,
  type AutopilotObserved,
} from "../src/index.ts";

const id = (number: number): NodeId => nodeIdOf(new Uint8Array(32).fill(number));
const numberOf = (nodeId: NodeId): number => Number.parseInt(nodeId.slice(-2), 16);

/** In seconds; the plan is asked at 1000. */
const NOW = 1_000;

interface Case {
  readonly name: string;
  /** All machines: their numbers, by default well for long. */
  readonly nodes: readonly number[];
  /** Those that are failed, and since when. */
  readonly failed?: Readonly<Record<number, number>>;
  /** Those that are well, but not for long: since when. */
  readonly young?: Readonly<Record<number, number>>;
  /** Those whose Kubernetes is older than the servers'. */
  readonly outdated?: readonly number[];
  readonly retiring?: readonly number[];
  /** Those of them that a person lets go although nobody takes their place. */
  readonly anyway?: readonly number[];
  readonly zones?: Readonly<Record<number, string>>;
  readonly setbacks?: Readonly<Record<number, number>>;
  readonly servers: readonly number[];
  /** By default the servers. */
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  /** Voters that do not answer, and since when. */
  readonly silent?: Readonly<Record<number, number>>;
  readonly rolesSince?: number;
  readonly pause?: string;
  readonly maxVoters?: number;
  readonly noEtcd?: boolean;
  /** "promote 4", "replace 3 by 4" or "none". */
  readonly action: string;
  readonly reason?: string;
  readonly waitUntil?: number;
  readonly held?: number;
}

const cases: readonly Case[] = [
  {
    name: "one machine serves alone",
    nodes: [1],
    servers: [1],
    action: "none",
    reason: "the right machines serve",
  },
  {
    name: "two machines keep one voter, and it is said",
    nodes: [1, 2],
    servers: [1],
    action: "none",
    reason: "two machines keep one voter: its loss stops the API, as it would with two",
  },
  {
    name: "a third machine makes two voters for a step",
    nodes: [1, 2, 3],
    servers: [1],
    action: "promote 2",
  },
  { name: "and then three", nodes: [1, 2, 3], servers: [1, 2], action: "promote 3" },
  {
    name: "not begun before both can",
    nodes: [1, 2, 3],
    young: { 3: 990 },
    servers: [1],
    action: "none",
    reason: "this cluster wants 3 voters, but one more worker is too few: it would make an even number",
    waitUntil: 1_020,
  },
  { name: "seven machines want five", nodes: [1, 2, 3, 4, 5, 6, 7], servers: [1, 2, 3], action: "promote 4" },
  {
    name: "no more than the maximum",
    nodes: [1, 2, 3, 4, 5, 6, 7],
    servers: [1, 2, 3],
    maxVoters: 3,
    action: "none",
  },
  {
    name: "too many: the highest index goes",
    nodes: [1, 2, 3, 4],
    servers: [1, 2, 3, 4],
    action: "demote 4",
  },
  { name: "a cluster of two with three voters shrinks", nodes: [1, 2], servers: [1, 2], action: "demote 2" },
  {
    name: "a lost server waits for its grace",
    nodes: [1, 2, 3, 4],
    failed: { 3: 900 },
    servers: [1, 2, 3],
    silent: { 3: 900 },
    action: "none",
    reason: `${nodeName(id(3))} does not answer; it has time to come back`,
    waitUntil: 1_200,
  },
  {
    name: "after its grace a worker takes its place",
    nodes: [1, 2, 3, 4],
    failed: { 3: 700 },
    servers: [1, 2, 3],
    silent: { 3: 700 },
    action: "replace 3 by 4",
  },
  {
    name: "a server whose etcd is gone counts as lost though its machine lives",
    nodes: [1, 2, 3, 4],
    servers: [1, 2, 3],
    silent: { 3: 600 },
    action: "replace 3 by 4",
  },
  {
    name: "one that only its members miss is left alone: etcd's word counts",
    nodes: [1, 2, 3, 4],
    failed: { 3: 100 },
    servers: [1, 2, 3],
    action: "none",
  },
  {
    name: "without a candidate the lost one stays listed",
    nodes: [1, 2, 3],
    failed: { 3: 100 },
    servers: [1, 2, 3],
    silent: { 3: 100 },
    action: "none",
    reason: `${nodeName(id(3))} is lost, and there is no other machine: it stays listed, for it may return`,
  },
  {
    name: "a worker whose Kubernetes is older than the servers' takes nobody's place",
    nodes: [1, 2, 3, 4, 5],
    outdated: [4],
    servers: [1, 2, 3],
    silent: { 3: 100 },
    action: "replace 3 by 5",
  },
  {
    name: "with no other worker the lost one stays listed, and it is said what to do",
    nodes: [1, 2, 3, 4],
    outdated: [4],
    servers: [1, 2, 3],
    silent: { 3: 100 },
    action: "none",
    reason: `${nodeName(id(3))} is lost, and no worker that is well runs the servers' Kubernetes yet: it stays listed, for it may return`,
  },
  {
    name: "a candidate that is not stable yet is waited for",
    nodes: [1, 2, 3, 4],
    young: { 4: 980 },
    failed: { 3: 100 },
    servers: [1, 2, 3],
    silent: { 3: 100 },
    action: "none",
    waitUntil: 1_010,
  },
  {
    name: "no majority, no change",
    nodes: [1, 2, 3, 4, 5],
    failed: { 2: 100, 3: 100 },
    servers: [1, 2, 3],
    silent: { 2: 100, 3: 100 },
    action: "none",
    reason: "only 1 of 3 voters are healthy: no majority to change anything",
  },
  {
    name: "two of five lost, one candidate: the first is dropped",
    nodes: [1, 2, 3, 4, 5, 6, 7],
    failed: { 4: 100, 5: 100, 7: 100 },
    servers: [1, 2, 3, 4, 5],
    silent: { 4: 100, 5: 100 },
    action: "drop 4",
  },
  {
    name: "then the second, for four would be even",
    nodes: [1, 2, 3, 4, 5, 6, 7],
    failed: { 4: 100, 5: 100, 7: 100 },
    servers: [1, 2, 3, 5],
    silent: { 5: 100 },
    action: "drop 5",
  },
  {
    name: "but with two candidates it is replaced",
    nodes: [1, 2, 3, 4, 5, 6, 7],
    failed: { 4: 100, 5: 100 },
    servers: [1, 2, 3, 5],
    silent: { 5: 100 },
    action: "replace 5 by 6",
  },
  {
    name: "a lost one too many is dropped without a candidate",
    nodes: [1, 2],
    failed: {},
    servers: [1, 2, 3],
    silent: { 3: 100 },
    action: "drop 3",
  },
  {
    name: "nobody is promoted while a voter does not answer",
    nodes: [1, 2, 3, 4, 5, 6, 7],
    servers: [1, 2, 3],
    silent: { 3: 990 },
    action: "none",
    waitUntil: 1_290,
  },
  {
    name: "one change at a time: who joins is waited for",
    nodes: [1, 2, 3, 4],
    servers: [1, 2, 4],
    voters: [1, 2, 3],
    silent: { 3: 100 },
    action: "none",
    reason: `${nodeName(id(4))} is becoming a server`,
    waitUntil: 1_290,
  },
  {
    name: "a learner is not there yet",
    nodes: [1, 2, 3, 4],
    servers: [1, 2, 4],
    voters: [1, 2],
    learners: [4],
    action: "none",
    waitUntil: 1_290,
  },
  {
    name: "who fails on the way is withdrawn",
    nodes: [1, 2, 3, 4, 5],
    failed: { 3: 100, 4: 970 },
    servers: [1, 2, 4],
    voters: [1, 2],
    action: "withdraw 4",
  },
  {
    name: "who takes too long is withdrawn",
    nodes: [1, 2, 4],
    servers: [1, 2, 4],
    voters: [1, 2],
    rolesSince: 700,
    action: "withdraw 4",
  },
  {
    name: "who was removed from the cluster on the way is withdrawn",
    nodes: [1, 2, 3],
    servers: [1, 2, 9],
    voters: [1, 2],
    action: "withdraw 9",
  },
  {
    name: "the lost one is buried when nobody is to take its place by that",
    nodes: [1, 2, 3, 4],
    servers: [1, 2, 4],
    voters: [1, 2, 3, 4],
    silent: { 3: 100 },
    action: "bury 3",
  },
  {
    name: "a live one that is to serve no more is waited for",
    nodes: [1, 2, 3],
    servers: [1],
    voters: [1, 2],
    action: "none",
    reason: `${nodeName(id(2))} is becoming a worker`,
  },
  {
    name: "but not while a server is lost: until that is replaced, it could not go",
    nodes: [1, 2, 3, 4, 5],
    servers: [1, 2, 4],
    voters: [1, 2, 3, 4],
    silent: { 1: 100 },
    action: "replace 1 by 5",
  },
  {
    name: "one that retires: its place is filled first",
    nodes: [1, 2, 3, 4],
    retiring: [2],
    servers: [1, 2, 3],
    action: "promote 4",
  },
  { name: "and then it goes", nodes: [1, 2, 3, 4], retiring: [2], servers: [1, 2, 3, 4], action: "demote 2" },
  {
    name: "of three machines one retires: one voter is enough for two",
    nodes: [1, 2, 3],
    retiring: [1],
    servers: [1, 2, 3],
    action: "demote 1",
  },
  {
    name: "the last server cannot retire without another",
    nodes: [1],
    retiring: [1],
    servers: [1],
    action: "none",
    reason: `${nodeName(id(1))} is to serve no more, but there is no other machine`,
    held: 1,
  },
  {
    name: "not even if a person lets it go",
    nodes: [1],
    retiring: [1],
    anyway: [1],
    servers: [1],
    action: "none",
    held: 1,
  },
  {
    name: "one that retires is held while no worker is well",
    nodes: [1, 2, 3, 4],
    failed: { 4: 900 },
    retiring: [1],
    servers: [1, 2, 3],
    action: "none",
    reason: `${nodeName(id(1))} is to serve no more, but no worker is well`,
    held: 1,
  },
  {
    name: "unless a person lets it go: then two are left",
    nodes: [1, 2, 3, 4],
    failed: { 4: 900 },
    retiring: [1],
    anyway: [1],
    servers: [1, 2, 3],
    action: "demote 1",
    reason: "it is to go although no worker is well",
  },
  {
    name: "who is let go waits all the same for one that can take its place soon",
    nodes: [1, 2, 3, 4],
    young: { 4: 990 },
    retiring: [1],
    anyway: [1],
    servers: [1, 2, 3],
    action: "none",
    waitUntil: 1_020,
  },
  {
    name: "who is let go is replaced where that is possible",
    nodes: [1, 2, 3, 4],
    retiring: [1],
    anyway: [1],
    servers: [1, 2, 3],
    action: "promote 4",
  },
  {
    name: "of two that are left, the next one that retires is held",
    nodes: [1, 2, 3, 4],
    failed: { 3: 900, 4: 900 },
    retiring: [2],
    servers: [1, 2],
    action: "none",
    held: 2,
  },
  {
    name: "nobody retires while another server does not answer",
    nodes: [1, 2, 3, 4],
    failed: { 3: 900 },
    retiring: [1],
    anyway: [1],
    servers: [1, 2, 3],
    silent: { 3: 900 },
    action: "none",
    reason: `${nodeName(id(3))} does not answer; it has time to come back`,
  },
  {
    name: "of two machines the server retires: the other one takes its place",
    nodes: [1, 2],
    retiring: [1],
    servers: [1],
    action: "promote 2",
  },
  {
    name: "a candidate of another zone comes first",
    nodes: [1, 2, 3, 4, 5],
    zones: { 1: "a", 2: "b", 3: "a", 4: "b", 5: "c" },
    servers: [1, 2],
    action: "promote 5",
  },
  {
    name: "a majority in one zone is spread when it can be",
    nodes: [1, 2, 3, 4],
    zones: { 1: "a", 2: "a", 3: "b", 4: "c" },
    servers: [1, 2, 3],
    action: "promote 4",
  },
  {
    name: "of too many, one of the fullest zone goes",
    nodes: [1, 2, 3, 4],
    zones: { 1: "a", 2: "a", 3: "b", 4: "c" },
    servers: [1, 2, 3, 4],
    action: "demote 2",
  },
  {
    name: "who did not get there before comes last",
    nodes: [1, 2, 3, 4, 5],
    setbacks: { 4: 1 },
    failed: { 3: 100 },
    servers: [1, 2, 3],
    silent: { 3: 100 },
    action: "replace 3 by 5",
  },
  {
    name: "a pause stops everything",
    nodes: [1, 2, 3],
    servers: [1],
    pause: "disks are being moved",
    action: "none",
    reason: "paused: disks are being moved",
  },
  { name: "nothing without etcd's word", nodes: [1, 2, 3], servers: [1], noEtcd: true, action: "none" },
];

describe("planAutopilot", () => {
  for (const one of cases) {
    it(one.name, () => {
      const plan = planAutopilot(observedOf(one), NOW * 1000);
      expect(describeAction(plan.action), plan.reason).to.equal(one.action);
      if (one.reason !== undefined) expect(plan.reason).to.equal(one.reason);
      if (one.waitUntil !== undefined) expect(plan.waitUntil).to.equal(one.waitUntil * 1000);
      expect(plan.held).to.equal(one.held === undefined ? undefined : id(one.held));
    });
  }

  it("is the same for every order of what is observed", () => {
    fc.assert(
      fc.property(anyObserved(), fc.integer(), (observed, seed) => {
        const shuffled: AutopilotObserved = {
          ...observed,
          nodes: shuffle(observed.nodes, seed),
          servers: shuffle(observed.servers, seed + 1),
          voters: observed.voters && shuffle(observed.voters, seed + 2),
        };
        expect(planAutopilot(shuffled, NOW * 1000)).to.deep.equal(planAutopilot(observed, NOW * 1000));
      }),
    );
  });

  it("changes one place at a time, never without a healthy majority, and leaves one", () => {
    fc.assert(
      fc.property(anyObserved(), (observed) => {
        const { action } = planAutopilot(observed, NOW * 1000);
        const before = new Set(observed.servers);
        const after = new Set(serversAfter(observed.servers, action));
        if (action.kind === "none") return;
        const full = (observed.voters ?? []).filter(({ isLearner }) => !isLearner);
        const healthy = full.filter(({ isHealthy }) => isHealthy);
        expect(healthy.length * 2).to.be.greaterThan(full.length);
        expect([...after].filter((nodeId) => !before.has(nodeId)).length).to.be.at.most(1);
        expect([...before].filter((nodeId) => !after.has(nodeId)).length).to.be.at.most(1);
        expect(after.size).to.be.at.least(1);
      }),
    );
  });

  it("never takes away a voter that is well while another is not, nor one whose loss would cost the majority", () => {
    fc.assert(
      fc.property(anyObserved(), (observed) => {
        const { action } = planAutopilot(observed, NOW * 1000);
        const full = (observed.voters ?? []).filter(({ isLearner }) => !isLearner);
        const gone = new Set(
          observed.servers.filter((server) => !serversAfter(observed.servers, action).includes(server)),
        );
        const rest = full.filter(
          ({ nodeId }) => !gone.has(nodeId) && !(action.kind === "bury" && action.nodeId === nodeId),
        );
        if (rest.length === full.length) return;
        expect(rest.filter(({ isHealthy }) => isHealthy).length * 2).to.be.greaterThan(rest.length);
        if (action.kind === "demote") expect(full.every(({ isHealthy }) => isHealthy)).to.equal(true);
      }),
    );
  });

  it("never gives a role to a machine that has not been well for long", () => {
    fc.assert(
      fc.property(anyObserved(), (observed) => {
        const { action } = planAutopilot(observed, NOW * 1000);
        if (action.kind !== "promote" && action.kind !== "replace") return;
        const node = observed.nodes.find(({ nodeId }) => nodeId === action.nodeId);
        expect(node?.isAlive && node.isReady && !node.isRetiring && !node.isOutdated).to.equal(true);
        expect(NOW * 1000 - (node?.wellSince ?? Infinity)).to.be.at.least(
          DEFAULT_AUTOPILOT_POLICY.stabilisationMs,
        );
      }),
    );
  });

  it("settles: carried out at once on machines that are all well, it ends with the wanted number", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5 }), (size, count) => {
        const nodes = Array.from({ length: size }, (_, at) => at + 1);
        let servers: readonly number[] = nodes.slice(0, count);
        for (let round = 0; round < 12; round += 1) {
          const { action, wanted } = planAutopilot(
            observedOf({ name: "", action: "", nodes, servers }),
            NOW * 1000,
          );
          if (action.kind === "none") {
            expect(servers.length).to.equal(wanted);
            return;
          }
          servers = serversAfter(servers.map(id), action).map(numberOf);
        }
        expect.fail("it does not settle");
      }),
    );
  });
});

function observedOf(one: Case): AutopilotObserved {
  const silent = one.silent ?? {};
  const voter = (isLearner: boolean) => (number: number) => ({
    nodeId: id(number),
    isLearner,
    isHealthy: silent[number] === undefined,
    since: (silent[number] ?? 0) * 1000,
  });
  return {
    nodes: one.nodes.map((number) => {
      const failedAt = one.failed?.[number];
      return {
        nodeId: id(number),
        rank: number,
        isAlive: failedAt === undefined,
        isReady: failedAt === undefined,
        isOutdated: one.outdated?.includes(number) ?? false,
        isRetiring: one.retiring?.includes(number) ?? false,
        mayReduce: one.anyway?.includes(number) ?? false,
        setbacks: one.setbacks?.[number] ?? 0,
        ...(one.zones?.[number] !== undefined && { zone: one.zones[number] }),
        ...(failedAt === undefined
          ? { wellSince: (one.young?.[number] ?? 0) * 1000 }
          : { failedSince: failedAt * 1000 }),
      };
    }),
    servers: one.servers.map(id),
    rolesSince: (one.rolesSince ?? 990) * 1000,
    voters: one.noEtcd
      ? undefined
      : [...(one.voters ?? one.servers).map(voter(false)), ...(one.learners ?? []).map(voter(true))],
    ...(one.pause !== undefined && { pause: one.pause }),
    policy: { ...DEFAULT_AUTOPILOT_POLICY, maxVoters: one.maxVoters ?? 5 },
  };
}

function describeAction(action: AutopilotAction): string {
  switch (action.kind) {
    case "none":
      return "none";
    case "replace":
      return `replace ${numberOf(action.lost)} by ${numberOf(action.nodeId)}`;
    default:
      return `${action.kind} ${numberOf(action.nodeId)}`;
  }
}

/** Any state at all, also such as never come about. */
function anyObserved(): fc.Arbitrary<AutopilotObserved> {
  const since = fc.option(fc.integer({ min: 0, max: NOW }), { nil: undefined });
  const node = fc.record({
    failed: since,
    young: fc.integer({ min: 0, max: NOW }),
    isOutdated: fc.boolean(),
    isRetiring: fc.boolean(),
    mayReduce: fc.boolean(),
    silent: since,
    isServer: fc.boolean(),
    isVoter: fc.boolean(),
    zone: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
  });
  return fc.array(node, { minLength: 1, maxLength: 9 }).map((nodes) => {
    const pick = (choose: (one: (typeof nodes)[number]) => boolean): number[] =>
      nodes.flatMap((one, at) => (choose(one) ? [at + 1] : []));
    const table = <Value>(value: (one: (typeof nodes)[number]) => Value | undefined): Record<number, Value> =>
      Object.fromEntries(
        nodes.flatMap((one, at) => {
          const found = value(one);
          return found === undefined ? [] : [[at + 1, found]];
        }),
      );
    const servers = pick(({ isServer }) => isServer);
    return observedOf({
      name: "",
      action: "",
      nodes: nodes.map((_, at) => at + 1),
      failed: table(({ failed }) => failed),
      young: table(({ young }) => young),
      zones: table(({ zone }) => zone),
      outdated: pick(({ isOutdated }) => isOutdated),
      retiring: pick(({ isRetiring }) => isRetiring),
      anyway: pick(({ mayReduce }) => mayReduce),
      servers: servers.length > 0 ? servers : [1],
      voters: pick(({ isVoter }) => isVoter),
      silent: table(({ silent }) => silent),
    });
  });
}

function shuffle<Item>(items: readonly Item[], seed: number): readonly Item[] {
  return items
    .map((item, at) => ({ item, key: Math.sin(seed * 31 + at * 17) }))
    .sort((left, right) => left.key - right.key)
    .map(({ item }) => item);
}
