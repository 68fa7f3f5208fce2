import { expect } from "chai";
import { isExpired, observeLease } from "../src/server/leadership.ts";
import { planIdentity, planReadiness } from "../src/server/readiness.ts";

const connected = { type: "MeshConnected", status: "True" };
const kubelet = { type: "KubernetesReady", status: "True" };

describe("planReadiness", () => {
  const table = [
    {
      name: "all in order",
      heartbeat: "fresh",
      conditions: [connected, kubelet],
      status: "True",
      reason: "NodeReady",
    },
    {
      name: "silence",
      heartbeat: "expired",
      conditions: [connected, kubelet],
      status: "Unknown",
      reason: "HeartbeatExpired",
    },
    { name: "never heard", heartbeat: "never", conditions: [], status: "Unknown", reason: "NeverReported" },
    {
      name: "kubelet down",
      heartbeat: "fresh",
      conditions: [
        connected,
        { type: "KubernetesReady", status: "False", reason: "KubeletDown", message: "x" },
      ],
      status: "False",
      reason: "KubeletDown",
    },
    {
      name: "mesh unreported",
      heartbeat: "fresh",
      conditions: [kubelet],
      status: "False",
      reason: "MeshConnectedMissing",
    },
  ] as const;
  for (const row of table) {
    it(row.name, () => {
      expect(planReadiness(row)).to.include({ status: row.status, reason: row.reason });
    });
  }
});

describe("planIdentity", () => {
  const table = [
    { name: "the admitted key", admitted: "a", reported: "a", status: "True" },
    { name: "another key", admitted: "a", reported: "b", status: "False" },
    { name: "not admitted", admitted: undefined, reported: "a", status: "False" },
    { name: "not reported yet", admitted: "a", reported: undefined, status: "Unknown" },
  ];
  for (const { name, admitted, reported, status } of table) {
    it(name, () => {
      expect(planIdentity(admitted, reported).status).to.equal(status);
    });
  }
});

describe("lease observation", () => {
  it("is not taken for a renewal when it is first seen", () => {
    const found = observeLease(undefined, "t1", 0);
    expect(found.hasChanged).to.equal(false);
    expect(observeLease(found, "t1", 1000).hasChanged).to.equal(false);
    expect(observeLease(found, "t2", 2000)).to.deep.equal({
      renewTime: "t2",
      changedAt: 2000,
      hasChanged: true,
    });
    expect(observeLease(observeLease(undefined, undefined, 0), "t1", 1000).hasChanged).to.equal(true);
  });

  it("expires by the observer's clock, whatever the writer's clock says", () => {
    const first = observeLease(undefined, "1970-01-01T00:00:00.000000Z", 5000);
    const second = observeLease(first, "1970-01-01T00:00:00.000000Z", 19_000);
    expect(second.changedAt).to.equal(5000);
    expect(isExpired(second, 15, 19_000)).to.equal(false);
    expect(isExpired(second, 15, 20_001)).to.equal(true);
    expect(isExpired(observeLease(second, "2100-01-01T00:00:00.000000Z", 20_001), 15, 20_002)).to.equal(
      false,
    );
  });
});
