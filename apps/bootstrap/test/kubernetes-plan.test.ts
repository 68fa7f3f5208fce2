import { expect } from "chai";
import { seededRng } from "@cluster-os/std";
import { generateIdentity } from "@cluster-os/identity";
import {
  planKubernetes,
  type ActRecord,
  type KubernetesAction,
  type KubernetesObserved,
} from "../src/kubernetes/plan.ts";

const [a, b, c, d] = [1, 2, 3, 4].map((seed) => generateIdentity(seededRng(seed)).nodeId) as [
  never,
  never,
  never,
  never,
];

const base: KubernetesObserved = {
  self: a,
  isReachable: true,
  servers: [a, b, c],
  rolesEpoch: 0,
  epoch: 0,
  initialiser: a,
  isEstablished: false,
  record: undefined,
  readyServers: [],
};

const settled = { isEstablished: true } as const;
const done = (act: ActRecord["act"]): ActRecord => ({ act, epoch: 0, rolesEpoch: 0, isComplete: true });

const table: { name: string; observed: Partial<KubernetesObserved>; expected: Partial<KubernetesAction> }[] =
  [
    { name: "waits for the mesh", observed: { isReachable: false }, expected: { kind: "wait" } },
    { name: "the initialiser initialises", observed: {}, expected: { kind: "init-server", epoch: 0 } },
    { name: "another server waits for a ready one", observed: { self: b }, expected: { kind: "wait" } },
    {
      name: "another server joins a ready one",
      observed: { self: b, readyServers: [a] },
      expected: { kind: "join-server", from: a },
    },
    {
      name: "who is no server joins as a worker",
      observed: { self: d, isEstablished: true, readyServers: [a, b] },
      expected: { kind: "join-worker", from: a },
    },
    {
      name: "an interrupted act is wiped, to be begun again",
      observed: { record: { act: "init-server", epoch: 0, rolesEpoch: 0, isComplete: false } },
      expected: { kind: "reset", mayVote: false },
    },
    {
      name: "an interrupted join of a server, too, but etcd may count on it already",
      observed: { record: { act: "join-server", epoch: 0, rolesEpoch: 0, isComplete: false } },
      expected: { kind: "reset", mayVote: true },
    },
    {
      name: "a complete one is served, after a restart too",
      observed: { record: { act: "join-worker", epoch: 2, rolesEpoch: 0, isComplete: true }, epoch: 2 },
      expected: { kind: "serve" },
    },
    {
      name: "what was begun under an older epoch is wiped even when it got through",
      observed: {
        record: { act: "init-server", epoch: 0, rolesEpoch: 0, isComplete: true },
        epoch: 1,
        initialiser: b,
      },
      expected: { kind: "reset", mayVote: false },
    },
    {
      name: "an initialiser that comes back with an empty disk joins what is established",
      observed: { isEstablished: true, readyServers: [b] },
      expected: { kind: "join-server", from: b },
    },
    {
      name: "and never initialises a second cluster, though nobody answers",
      observed: { isEstablished: true },
      expected: { kind: "wait" },
    },
    {
      name: "a worker that is to serve is promoted",
      observed: { ...settled, record: done("join-worker"), readyServers: [b] },
      expected: { kind: "promote", from: b },
    },
    {
      name: "and works on while no server can help it",
      observed: { ...settled, record: done("join-worker") },
      expected: { kind: "serve" },
    },
    {
      name: "a server that is to serve no more steps down",
      observed: { ...settled, servers: [b, c, d], record: done("init-server"), readyServers: [c] },
      expected: { kind: "step-down", from: c },
    },
    {
      name: "and goes on while no other server answers",
      observed: { ...settled, servers: [b, c, d], record: done("promote"), readyServers: [a] },
      expected: { kind: "serve" },
    },
    {
      name: "a demoted one is a worker",
      observed: { ...settled, servers: [b, c, d], record: done("demote"), readyServers: [b] },
      expected: { kind: "serve" },
    },
    {
      name: "one that set its state aside is a worker, and may be promoted again",
      observed: { ...settled, record: done("set-aside"), readyServers: [b] },
      expected: { kind: "promote", from: b },
    },
    ...(["promote", "demote", "set-aside"] as const).map((act) => ({
      name: `a ${act} that was cut off is recovered, not wiped: its pods go on`,
      observed: { ...settled, record: { ...done(act), isComplete: false }, readyServers: [b] },
      expected: { kind: "recover", act, from: b } as const,
    })),
  ];

describe("planKubernetes", () => {
  for (const { name, observed, expected } of table) {
    it(name, () => expect(planKubernetes({ ...base, ...observed })).to.include(expected));
  }
});
