import type { ClusterNodeStatus, Condition } from "@cluster-os/api";
import { expect } from "chai";
import fc from "fast-check";
import { judgeKubernetes, judgeMesh } from "../src/report/conditions.ts";
import { changedParts, isReported } from "../src/report/difference.ts";
import { meshReach, meshReport } from "../src/report/mesh.ts";
import { planStatus, type ReportObserved } from "../src/report/status.ts";
import { CAPABILITIES, CLOCK, nodeStatus, NOW_MS, peer, VERSIONS } from "./fixtures.ts";

const MINUTE = 60_000;
const fresh = { lastHandshakeMs: NOW_MS - 100_000 };
const old = { lastHandshakeMs: NOW_MS - 4 * MINUTE };

describe("mesh report", () => {
  it("of connected peers has nothing that changes by itself", () => {
    const mesh = {
      interface: "cos0",
      network: "10.86.0.0/16",
      implementation: "kernel" as const,
      peers: [peer("n-b", fresh), peer("n-a", fresh)],
    };
    const report = meshReport(mesh, NOW_MS);
    expect(report).to.include({
      interface: "cos0",
      implementation: "kernel",
      peerCount: 2,
    });
    expect(report.peers).to.deep.equal([
      { node: "n-a", address: "10.86.0.2", connected: true },
      { node: "n-b", address: "10.86.0.2", connected: true },
    ]);
    const later = mesh.peers.map((one) => ({ ...one, lastHandshakeMs: NOW_MS, rxBytes: 99 }));
    expect(meshReport({ ...mesh, peers: later }, NOW_MS + MINUTE)).to.deep.equal(report);
  });

  it("of a silent peer says since when, and stands still", () => {
    const mesh = {
      interface: "cos0",
      network: "10.86.0.0/16",
      implementation: "kernel" as const,
      peers: [peer("n-a", { lastHandshakeMs: NOW_MS - 4 * MINUTE + 7 }), peer("n-b")],
    };
    const report = meshReport(mesh, NOW_MS);
    expect(report.peers).to.deep.equal([
      { node: "n-a", address: "10.86.0.2", connected: false, lastHandshakeTime: "2025-12-31T23:56:00Z" },
      { node: "n-b", address: "10.86.0.2", connected: false },
    ]);
    expect(meshReport(mesh, NOW_MS + 60 * MINUTE)).to.deep.equal(report);
  });

  it("of a large mesh counts all peers and lists some, the silent ones in any case", () => {
    const peers = Array.from({ length: 999 }, (_, index) =>
      peer(`n-${String(index).padStart(4, "0")}`, index >= 997 ? old : fresh),
    );
    const report = meshReport(
      { interface: "cos0", network: "10.86.0.0/16", implementation: "kernel" as const, peers },
      NOW_MS,
    );
    expect(report.peerCount).to.equal(999);
    expect(report.peers).to.have.length(64);
    expect(report.peers?.slice(0, 3).map(({ node }) => node)).to.deep.equal(["n-0997", "n-0998", "n-0000"]);
    const turned = meshReport(
      { interface: "cos0", network: "10.86.0.0/16", implementation: "kernel", peers: peers.reverse() },
      NOW_MS,
    );
    expect(turned).to.deep.equal(report);
  });

  it("reach counts living peers only", () => {
    const peers = [peer("n-a", fresh), peer("n-b", old), peer("n-c", { isAlive: false })];
    expect(
      meshReach(
        { interface: "cos0", network: "10.86.0.0/16", implementation: "kernel" as const, peers },
        NOW_MS,
      ),
    ).to.deep.equal({
      expected: 2,
      silent: ["n-b"],
    });
  });
});

describe("MeshConnected", () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n-${index}`);
  const cases: readonly {
    readonly name: string;
    readonly reach: Parameters<typeof judgeMesh>[0];
    readonly expected: string;
  }[] = [
    { name: "no interface", reach: undefined, expected: "Unknown MeshUnknown" },
    { name: "alone", reach: { expected: 0, silent: [] }, expected: "True NoPeers" },
    { name: "all there", reach: { expected: 4, silent: [] }, expected: "True AllPeersConnected" },
    {
      name: "one of four silent",
      reach: { expected: 4, silent: names(1) },
      expected: "True SomePeersSilent",
    },
    { name: "half silent", reach: { expected: 4, silent: names(2) }, expected: "True SomePeersSilent" },
    { name: "most silent", reach: { expected: 4, silent: names(3) }, expected: "False MostPeersSilent" },
    {
      name: "the only one silent",
      reach: { expected: 1, silent: names(1) },
      expected: "False MostPeersSilent",
    },
  ];
  for (const { name, reach, expected } of cases) {
    it(`${name}: ${expected}`, () => {
      const { status, reason } = judgeMesh(reach);
      expect(`${status} ${reason}`).to.equal(expected);
    });
  }

  it("names at most five", () => {
    expect(judgeMesh({ expected: 9, silent: names(7) }).message)
      .to.contain("n-4 and 2 more")
      .and.not.contain("n-5");
  });
});

describe("KubernetesReady", () => {
  const cases: readonly {
    readonly name: string;
    readonly state: Parameters<typeof judgeKubernetes>[0];
    readonly kubelet: Parameters<typeof judgeKubernetes>[1];
    readonly expected: string;
  }[] = [
    {
      name: "healthy",
      state: "ready",
      kubelet: { isHealthy: true, unhealthyForMs: 0 },
      expected: "True KubeletHealthy",
    },
    {
      name: "healthy while bootstrap still says starting",
      state: "starting",
      kubelet: { isHealthy: true, unhealthyForMs: 0 },
      expected: "True KubeletHealthy",
    },
    {
      name: "restarting",
      state: "ready",
      kubelet: { isHealthy: false, unhealthyForMs: 14_000 },
      expected: "as before",
    },
    {
      name: "down",
      state: "ready",
      kubelet: { isHealthy: false, unhealthyForMs: 16_000 },
      expected: "False KubeletNotHealthy",
    },
    {
      name: "never up",
      state: "joining",
      kubelet: { isHealthy: false, unhealthyForMs: Infinity },
      expected: "False KubernetesStarting",
    },
  ];
  for (const { name, state, kubelet, expected } of cases) {
    it(`${name}: ${expected}`, () => {
      const judged = judgeKubernetes(state, kubelet);
      expect(judged ? `${judged.status} ${judged.reason}` : "as before").to.equal(expected);
    });
  }
});

function observed(changes: Partial<ReportObserved> = {}): ReportObserved {
  return {
    capabilities: CAPABILITIES,
    versions: VERSIONS,
    node: nodeStatus(),
    isStale: false,
    kubelet: { isHealthy: true, unhealthyForMs: 0 },
    clock: CLOCK,
    generation: 1,
    current: undefined,
    ...changes,
  };
}

describe("status", () => {
  it("is all of this machine's and nothing of the servers'", () => {
    const ready: Condition = {
      type: "Ready",
      status: "True",
      reason: "x",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const status = planStatus(observed({ current: { conditions: [ready] } }), NOW_MS);
    expect(status.conditions?.map(({ type }) => type)).to.deep.equal([
      "MeshConnected",
      "KubernetesReady",
      "ClockSynchronized",
    ]);
    expect(status.addresses).to.deep.equal([
      { type: "Mesh", address: "10.86.0.1" },
      { type: "Underlay", address: "fe80::1" },
    ]);
    expect(status.versions).to.deep.equal({ clusterOs: "0.1.0", ...VERSIONS });
  });

  it("settles: what was reported once is reported, at any later time and in any order of the API's lists", () => {
    const arbitrary = fc.record({
      peers: fc.uniqueArray(
        fc.record({ name: fc.stringMatching(/^n-[a-z]{3}$/), ago: fc.nat(400_000), isAlive: fc.boolean() }),
        {
          selector: ({ name }) => name,
        },
      ),
      roles: fc.uniqueArray(fc.constantFrom("control-plane", "worker", "gpu")),
      isHealthy: fc.boolean(),
      generation: fc.integer({ min: 1, max: 5 }),
      laterMs: fc.nat(1000),
    });
    fc.assert(
      fc.property(arbitrary, ({ peers, roles, isHealthy, generation, laterMs }) => {
        const mesh = {
          interface: "cos0",
          network: "10.86.0.0/16",
          implementation: "kernel" as const,
          peers: peers.map(({ name, ago, isAlive }) =>
            peer(name, { lastHandshakeMs: NOW_MS - ago, isAlive }),
          ),
        };
        const kubelet = { isHealthy, unhealthyForMs: isHealthy ? 0 : 60_000 };
        const before = observed({ node: nodeStatus({ mesh, roles }), kubelet, generation });
        const first = planStatus(before, NOW_MS);
        const kept: ClusterNodeStatus = {
          ...first,
          roles: [...(first.roles ?? [])].reverse(),
          conditions: [...(first.conditions ?? [])].reverse(),
        };
        // A handshake may grow too old in between; then there is news to report.
        const turned = mesh.peers.some(
          ({ lastHandshakeMs = 0 }) =>
            NOW_MS - lastHandshakeMs < 180_000 && NOW_MS + laterMs - lastHandshakeMs >= 180_000,
        );
        const second = planStatus({ ...before, current: kept }, NOW_MS + laterMs);
        if (!turned) expect(isReported(second, kept)).to.equal(true);
      }),
    );
  });

  const changes: readonly { readonly name: string; readonly change: Partial<ReportObserved> }[] = [
    { name: "a role", change: { node: nodeStatus({ roles: ["worker"] }) } },
    { name: "an address", change: { node: nodeStatus({ underlayAddresses: ["fe80::2"] }) } },
    { name: "a processor", change: { capabilities: { ...CAPABILITIES, cpu: 15 } } },
    {
      name: "a peer",
      change: {
        node: nodeStatus({
          mesh: { interface: "cos0", network: "10.86.0.0/16", implementation: "kernel" as const, peers: [] },
        }),
      },
    },
    { name: "a version", change: { node: nodeStatus({ version: "0.2.0" }) } },
    { name: "a generation", change: { generation: 2 } },
    {
      name: "a clock",
      change: { clock: { tracking: undefined, canSetClock: true } },
    },
    { name: "a kubelet", change: { kubelet: { isHealthy: false, unhealthyForMs: 60_000 } } },
    { name: "a label", change: { node: nodeStatus({ label: "rack4" }) } },
  ];
  for (const { name, change } of changes) {
    it(`another ${name.split(" ").at(-1)} is reported`, () => {
      const current = planStatus(observed(), NOW_MS);
      expect(isReported(planStatus(observed({ ...change, current }), NOW_MS), current)).to.equal(false);
    });
  }

  it("what the API has too much is reported as well", () => {
    const wanted = planStatus(observed(), NOW_MS);
    expect(isReported(wanted, { ...wanted, label: "old" })).to.equal(false);
    expect(isReported(wanted, undefined)).to.equal(false);
  });

  it("an empty list that the API keeps is no difference, unless it is to be said", () => {
    const { mesh, ...others } = planStatus(observed(), NOW_MS);
    const { peers: _, ...rest } = mesh ?? expect.fail("no mesh");
    const wanted = { ...others, mesh: rest };
    const kept = { ...others, mesh: { ...rest, peers: [] } };
    expect(isReported(wanted, kept)).to.equal(true);
    expect(changedParts(wanted, kept)).to.deep.equal([]);
    expect(isReported(kept, wanted)).to.equal(false);
  });

  it("the log names the parts that changed, conditions by their type", () => {
    const before = planStatus(observed({}), NOW_MS);
    const [first, ...others] = before.conditions ?? [];
    const after = { ...before, roles: ["server"], conditions: others };
    expect(changedParts(after, before)).to.have.members(["roles", first?.type]);
    expect(changedParts(before, before)).to.deep.equal([]);
  });

  it("keeps the time of a transition, and what a restarting kubelet said before", () => {
    const current = planStatus(observed(), NOW_MS);
    const later = planStatus(
      observed({ current, kubelet: { isHealthy: false, unhealthyForMs: 5000 } }),
      NOW_MS + MINUTE,
    );
    expect(later.conditions).to.deep.equal(current.conditions);
    const down = planStatus(
      observed({ current, kubelet: { isHealthy: false, unhealthyForMs: 20_000 } }),
      NOW_MS + MINUTE,
    );
    expect(down.conditions?.[1]).to.include({ status: "False", lastTransitionTime: "2026-01-01T00:01:00Z" });
    expect(down.conditions?.[0]).to.include({ status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" });
  });

  it("a bootstrap that is silent for long makes the mesh unknown", () => {
    const status = planStatus(observed({ isStale: true }), NOW_MS);
    expect(status.conditions?.[0]).to.include({ status: "Unknown", reason: "MeshUnknown" });
  });
});
