import { resolve } from "node:path";
import type { UpgradeReport } from "@cluster-os/api";
import { expect } from "chai";
import { FakeLab, FakeMachine, NAMES, nodeStatus, type } from "./support.ts";

function report(change: Partial<UpgradeReport>, ...versions: readonly string[]): UpgradeReport {
  const nodes = versions.map((version, at) => ({
    name: NAMES[at] ?? "",
    role: at === 0 ? ("server" as const) : ("worker" as const),
    version,
    isReady: true,
    isAway: at === 2,
  }));
  return { wanted: "v1.35.4", state: "upgrading", what: "", nodes, ...change };
}

function serverWith(...reports: readonly UpgradeReport[]): FakeMachine {
  const status = nodeStatus(1, { role: "server" });
  const machine = new FakeMachine(1, { ...status, kubernetes: { ...status.kubernetes, state: "ready" } });
  machine.upgrades = [...reports];
  return machine;
}

describe("cluster-os upgrade", () => {
  const none = new FakeLab();

  it("shows what would be done, and does nothing", async () => {
    const thisMachine = serverWith(report({ state: "planned" }, "v1.34.4", "v1.34.4"));
    const { exitCode, stdout } = await type("upgrade kubernetes new.deb", { lab: none, thisMachine });
    expect(exitCode).to.equal(0);
    expect(thisMachine.ran).to.deep.equal([
      `upgrade ${JSON.stringify({ package: resolve("new.deb"), confirmed: false })}`,
    ]);
    expect(stdout).to.equal(
      [
        "Kubernetes v1.35.4: not asked for yet",
        "NODE           ROLE     KUBERNETES   STATE",
        `${NAMES[0]}   server   v1.34.4      ready`,
        `${NAMES[1]}   worker   v1.34.4      ready`,
        "To do it: the same with --yes, on the server that has new.deb",
        "",
      ].join("\n"),
    );
  });

  it("tells a program how it ended, and nothing before", async () => {
    const thisMachine = serverWith(
      report({ what: "asked" }, "v1.34.4"),
      report({ what: "all machines run it", state: "done" }, "v1.35.4"),
    );
    const { stdout } = await type("upgrade kubernetes new.deb --yes -o json", { lab: none, thisMachine });
    expect(JSON.parse(stdout)).to.include({ state: "done" });
  });

  it("watches until all are through, and tells what changes", async () => {
    const thisMachine = serverWith(
      report({ what: "asked" }, "v1.34.4"),
      report({ what: "n-b is upgraded" }, "v1.34.4"),
      report({ what: "n-b is upgraded" }, "v1.34.4"),
      report({ what: "all machines run it", state: "done" }, "v1.35.4", "v1.35.4", "v1.34.4"),
    );
    const { exitCode, stdout } = await type("upgrade kubernetes new.deb --yes", { lab: none, thisMachine });
    expect(exitCode).to.equal(0);
    expect(stdout).to.equal(
      [
        "Kubernetes v1.35.4: n-b is upgraded",
        "Kubernetes v1.35.4: all machines run it",
        "Kubernetes v1.35.4: all machines run it",
        "NODE           ROLE     KUBERNETES   STATE",
        `${NAMES[0]}   server   v1.35.4      ready`,
        `${NAMES[1]}   worker   v1.35.4      ready`,
        `${NAMES[2]}   worker   v1.34.4      away`,
        "",
      ].join("\n"),
    );
  });

  it("ends with 1 where a machine failed", async () => {
    const stopped = report({ state: "stopped", what: "n-b: no space left" }, "v1.34.4");
    const { exitCode, stdout } = await type("upgrade kubernetes new.deb --yes", {
      lab: none,
      thisMachine: serverWith(stopped),
    });
    expect(exitCode).to.equal(1);
    expect(stdout).to.include("n-b: no space left");
  });

  it("has a status, in JSON too", async () => {
    const now = report({ what: "n-b is upgraded" }, "v1.34.4");
    const thisMachine = serverWith(now);
    expect((await type("upgrade status", { lab: none, thisMachine })).stdout).to.include(
      "n-b is upgraded\nNODE",
    );
    const { stdout } = await type("upgrade status -o json", { lab: none, thisMachine });
    expect(JSON.parse(stdout)).to.deep.equal(now);
  });

  it("asks a server of the lab", async () => {
    const worker = new FakeMachine(2, nodeStatus(2, { role: "worker" }));
    const lab = new FakeLab(worker, serverWith(report({ what: "all machines run it", state: "done" })));
    expect((await type("upgrade status", { lab })).stdout).to.include("all machines run it");
  });

  it("is not understood with other words", async () => {
    for (const words of ["upgrade", "upgrade everything", "upgrade kubernetes", "upgrade status now"])
      expect((await type(words, { lab: none })).exitCode, words).to.equal(2);
  });
});
