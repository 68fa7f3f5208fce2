import { expect } from "chai";
import { planReadiness } from "../src/plan/readiness.ts";

const connected = { type: "MeshConnected", status: "True" } as const;
const kubelet = { type: "KubernetesReady", status: "True" } as const;
const left = { type: "Member", status: "False", reason: "Left", message: "it left" } as const;

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
    {
      name: "said goodbye and is silent",
      heartbeat: "expired",
      conditions: [connected, kubelet, left],
      status: "False",
      reason: "Left",
    },
    {
      name: "removed and still there",
      heartbeat: "fresh",
      conditions: [connected, kubelet, { ...left, reason: "Removed" }],
      status: "False",
      reason: "Removed",
    },
    {
      name: "came back",
      heartbeat: "fresh",
      conditions: [connected, kubelet, { type: "Member", status: "True" }],
      status: "True",
      reason: "NodeReady",
    },
  ] as const;
  for (const row of table) {
    it(`${row.name}: ${row.status} ${row.reason}`, () => {
      expect(planReadiness(row)).to.include({ status: row.status, reason: row.reason });
    });
  }
});
