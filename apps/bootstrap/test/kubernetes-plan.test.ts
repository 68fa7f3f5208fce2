import { expect } from "chai";
import { seededRng } from "@cluster-os/std";
import { generateIdentity } from "@cluster-os/identity";
import { planKubernetes, type KubernetesAction, type KubernetesObserved } from "../src/kubernetes/plan.ts";

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
  epoch: 0,
  initialiser: a,
  isEstablished: false,
  record: undefined,
  readyServers: [],
};

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
      observed: { record: { act: "init-server", epoch: 0, isComplete: false } },
      expected: { kind: "reset" },
    },
    {
      name: "a complete one is served, after a restart too",
      observed: { record: { act: "join-worker", epoch: 2, isComplete: true }, epoch: 2 },
      expected: { kind: "serve" },
    },
    {
      name: "what was begun under an older epoch is wiped even when it got through",
      observed: { record: { act: "init-server", epoch: 0, isComplete: true }, epoch: 1, initialiser: b },
      expected: { kind: "reset" },
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
  ];

describe("planKubernetes", () => {
  for (const { name, observed, expected } of table) {
    it(name, () => expect(planKubernetes({ ...base, ...observed })).to.include(expected));
  }
});
