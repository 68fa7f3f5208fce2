import { NAMESPACE } from "@cluster-os/api";
import { expect } from "chai";
import { latencyCells, percentile } from "../src/latencies.ts";
import { fakeFleet, type FakeNode } from "../src/operator/fleet-objects.ts";
import type { Look } from "../src/operator/operator-process.ts";
import { deedsBetween, PHASE_HEADERS, phaseRow, writesOf } from "../src/operator/phases.ts";
import { parseQuantity } from "../src/operator/quantity.ts";
import { parseSamples, total } from "../src/operator/samples.ts";

const METRICS = `# HELP rest_client_requests_total Requests to the API by their answer.
# TYPE rest_client_requests_total counter
rest_client_requests_total{method="PATCH",host="127.0.0.1:6443",code="200"} 7
rest_client_requests_total{method="PATCH",host="127.0.0.1:6443",code="409"} 1
rest_client_request_duration_seconds_sum{verb="PATCH"} 1
rest_client_requests_total{method="PUT",host="127.0.0.1:6443",code="200"} 4
workqueue_depth{name="clusternode"} 0
up 1
`;

function look(at: number, ticks: number, metrics: string): Look {
  const usage = { pssKib: 61_440, rssKib: 92_160, ticks };
  return { at, usage, charged: 40 * 2 ** 20, samples: parseSamples(metrics) };
}

describe("latencies", () => {
  for (const [share, expected] of [
    [0.5, 2],
    [0.99, 4],
    [0, 1],
    [1, 4],
  ] as const) {
    it(`${share} of four values`, () => expect(percentile([1, 2, 3, 4], share)).to.equal(expected));
  }

  it("of none are no numbers", () => expect(percentile([], 0.5)).to.be.NaN);

  it("are told with their number, the whole time and the rate", () => {
    const spans = [0, 1, 2, 3, 4].map((second) => ({
      from: second * 1000,
      to: second * 1000 + 100 * (second + 1),
    }));
    expect(latencyCells(spans)).to.deep.equal(["5", "4.5", "1", "300", "500", "500"]);
  });
});

describe("what the operator did", () => {
  it("is read from its metrics", () => {
    const samples = parseSamples(METRICS);
    expect(samples).to.have.length(6);
    expect(total(samples, "rest_client_requests_total", { method: "PATCH" })).to.equal(8);
    expect(total(samples, "rest_client_requests_total")).to.equal(12);
    expect(total(samples, "up")).to.equal(1);
    expect(total(samples, "unheard_of")).to.equal(0);
  });

  it("is what grew between two looks, and its lease is no write of note", () => {
    const later = METRICS.replace("} 7", "} 10")
      .replace("} 4", "} 6")
      .replace('_sum{verb="PATCH"} 1', '_sum{verb="PATCH"} 1.6');
    const deeds = deedsBetween(look(0, 100, METRICS), look(2000, 110, later));
    expect(deeds).to.include({ seconds: 2, patches: 3, puts: 2, posts: 0, reconciles: 0 });
    expect(deeds.cpuShare).to.be.closeTo(0.05, 1e-9);
    expect(deeds.answerMs).to.be.closeTo(200, 1e-6);
    expect(writesOf(deeds)).to.equal(3);
  });

  it("is a row of the table", () => {
    const after = look(2000, 110, METRICS);
    const row = phaseRow({ name: "at rest", deeds: deedsBetween(look(0, 100, METRICS), after), after });
    expect(row).to.have.length(PHASE_HEADERS.length);
    expect(row.slice(-4)).to.deep.equal(["5.0", "60", "90", "40"]);
  });
});

describe("quantities", () => {
  for (const [text, expected] of [
    ["192Mi", 192 * 2 ** 20],
    ["500m", 0.5],
    ["1", 1],
    ["1.5Gi", 1.5 * 2 ** 30],
  ] as const) {
    it(text, () => expect(parseQuantity(text)).to.equal(expected));
  }

  for (const text of ["", "Mi", "1 Mi", "1Xi"]) {
    it(`"${text}" is none`, () => expect(() => parseQuantity(text)).to.throw(RangeError));
  }
});

describe("fake machines", () => {
  const fleet = fakeFleet(300, 16, "2026-01-01T00:00:00Z");

  it("are all different", () => {
    const distinct = (of: (node: FakeNode) => unknown): number => new Set(fleet.map(of)).size;
    expect(distinct(({ name }) => name)).to.equal(300);
    expect(distinct(({ agentStatus }) => agentStatus.index)).to.equal(300);
    expect(distinct(({ agentStatus }) => agentStatus.addresses?.[0]?.address)).to.equal(300);
  });

  it("have objects that belong together", () => {
    for (const { name, clusterNode, lease, node } of fleet) {
      expect(clusterNode.metadata.name).to.equal(name);
      expect(node.metadata.name).to.equal(name);
      expect(lease.metadata).to.include({ name: `node-${name}`, namespace: NAMESPACE });
    }
  });

  it("list as many peers as they should, never themselves", () => {
    for (const { name, agentStatus } of fleet) {
      const peers = (agentStatus.mesh?.peers ?? []).map(({ node }) => node);
      expect(new Set(peers).size).to.equal(16);
      expect(peers).to.not.include(name);
    }
    expect(fakeFleet(3, 16, "")[0]?.agentStatus.mesh?.peers).to.have.length(2);
  });
});
