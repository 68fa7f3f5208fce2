import { expect } from "chai";
import { Cluster } from "./support/cluster.ts";

const SET = ["a", "b", "c"];

describe("replication", () => {
  it("founds, keeps every change on all, and acknowledges it", () => {
    const cluster = new Cluster(SET);
    cluster.of("a").directory.set("job_state", "one");
    cluster.lead("a", { epoch: 1 });
    cluster.pass(100);
    expect(cluster.effects("a", "leading")).to.have.length(1);
    cluster.write("a", "job_state", "two");
    cluster.pass(100);
    expect(cluster.effects("a", "acknowledged").at(-1)?.position).to.deep.equal({ epoch: 1, sequence: 2 });
    for (const id of SET) {
      expect(cluster.of(id).replication.report().position, id).to.deep.equal({ epoch: 1, sequence: 2 });
    }
  });

  it("another machine goes on from what a majority has", () => {
    const cluster = new Cluster(SET);
    cluster.lead("a", { epoch: 1 });
    cluster.write("a", "job_state", "kept");
    cluster.pass(100);
    cluster.away.add("a");
    cluster.lead("b", { epoch: 2, mayFound: false });
    cluster.pass(100);
    expect(cluster.effects("b", "leading")).to.have.length(1);
    expect(cluster.of("b").directory.get("job_state")).to.equal("kept");
    cluster.away.clear();
    cluster.write("a", "job_state", "too late");
    cluster.pass(3_000);
    expect(cluster.effects("a", "deposed")).to.have.length(1);
    expect(cluster.of("c").replication.report().promised).to.equal(2);
  });

  it("whoever missed it fetches it from a majority before it leads", () => {
    const cluster = new Cluster(SET);
    cluster.away.add("c");
    cluster.lead("a", { epoch: 1 });
    cluster.write("a", "job_state", "unknown to c");
    cluster.pass(100);
    cluster.away.delete("c");
    cluster.away.add("a");
    cluster.lead("c", { epoch: 2, mayFound: false });
    cluster.pass(1_000);
    expect(cluster.of("c").directory.get("job_state")).to.equal("unknown to c");
    expect(cluster.effects("c", "leading")).to.have.length(1);
  });

  it("leads nothing without a majority, and says whom it waits for", () => {
    const cluster = new Cluster(SET);
    cluster.away.add("b").add("c");
    cluster.lead("a", { epoch: 1 });
    cluster.pass(1_000);
    expect(cluster.effects("a", "leading")).to.have.length(0);
    expect(cluster.of("a").replication.role).to.deep.equal({
      kind: "candidate",
      epoch: 1,
      waitingFor: "1 of 3 replicas can answer, 2 are needed; no answer from b, c",
    });
    cluster.away.clear();
    cluster.pass(1_000);
    expect(cluster.effects("a", "leading")).to.have.length(1);
  });

  it("tells who keeps up only what changed, and who does not the whole", () => {
    const cluster = new Cluster(SET);
    cluster.lead("a", { epoch: 1 });
    cluster.pass(200);
    const told = (): readonly string[] =>
      cluster.effects("a", "send").flatMap(({ to, message: { kind } }) => {
        return kind === "offer" || kind === "change" ? [`${to} ${kind}`] : [];
      });
    expect(told()).to.deep.equal(["b offer", "c offer"]);
    cluster.write("a", "job_state", "one");
    cluster.pass(200);
    expect(told().slice(2)).to.deep.equal(["b change", "c change"]);
    cluster.loses = (_from, to, { kind }) => to === "c" && kind === "change";
    cluster.write("a", "job_state", "two");
    cluster.pass(1_500);
    expect(cluster.of("c").replication.report().position?.sequence).to.equal(2);
    cluster.pass(2_000);
    expect(cluster.of("c").replication.report().position?.sequence).to.equal(3);
    expect(told().at(-1)).to.equal("c offer");
  });

  it("a reading that took long is not followed by the next at once", () => {
    const cluster = new Cluster(SET);
    cluster.lead("a", { epoch: 1 });
    cluster.pass(1_000);
    cluster.of("a").isDiskSlow = true;
    cluster.write("a", "job_state", "one");
    cluster.pass(200);
    cluster.diskCatchesUp("a");
    const readings = cluster.effects("a", "capture").length;
    cluster.write("a", "job_state", "two");
    cluster.pass(400);
    expect(cluster.effects("a", "capture")).to.have.length(readings);
    cluster.pass(400);
    expect(cluster.effects("a", "capture")).to.have.length(readings + 1);
  });

  it("does not begin anew where there was something", () => {
    const cluster = new Cluster(SET);
    cluster.lead("b", { epoch: 3, mayFound: false });
    cluster.pass(1_000);
    expect(cluster.effects("b", "leading")).to.have.length(0);
    expect(cluster.of("b").replication.role)
      .to.have.property("waitingFor")
      .that.contains("none of a majority has one");
  });
});
