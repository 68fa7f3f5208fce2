import { parseConfigFile } from "@cluster-os/api";
import { expect } from "chai";
import { remember, whatHappened } from "../src/formation.ts";
import { openProgress } from "../src/output/progress.ts";
import { clusterNodes, expectGolden, FakeLab, FakeMachine, NAMES, nodeStatus, type } from "./support.ts";

/** A lab whose machines become Ready one after the other, a step at each look. */
class FormingLab extends FakeLab {
  override machines = () => Promise.resolve(this.present);
  override up = (options: Parameters<FakeLab["up"]>[0]) => {
    this.booted.push(options);
    options.onStep("checked this host");
    this.present = [1, 2, 3].slice(0, options.nodes).map((number) => {
      const machine = new FakeMachine(number, new Error("not yet"));
      let looks = 0;
      machine.isRunning = () => {
        looks += 1;
        if (looks === 2)
          machine.answer = nodeStatus(number, {
            kubernetes: { state: "joining", epoch: 0 },
            steps: [{ name: "searching", atMs: 5 }],
          });
        if (looks === 3) machine.answer = nodeStatus(number);
        machine.captured = clusterNodes(Math.max(0, looks - 2));
        return Promise.resolve(true);
      };
      return machine;
    });
    return Promise.resolve(this.present);
  };
}

describe("up", () => {
  it("gives every machine the same new key and the number of machines", async () => {
    const lab = new FormingLab();
    const { exitCode, stderr } = await type("up --nodes 3", { lab });
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: "" });
    const config = parseConfigFile(lab.booted[0]?.config ?? "");
    expect(Object.keys(config)).to.deep.equal(["joinKey", "expect"]);
    expect(config.expect).to.equal(3);
  });

  it("gives emulated machines patience, and boots no others than nspawn's and QEMU's", async () => {
    const lab = new FormingLab();
    expect(await type("up --driver qemu", { lab })).to.include({ exitCode: 0, stderr: "" });
    expect(lab.booted[0]?.driver).to.equal("qemu");
    expect(parseConfigFile(lab.booted[0]?.config ?? "").patience).to.be.greaterThan(1);
    const { exitCode, stderr } = await type("up --driver xen");
    expect(exitCode).to.equal(2);
    expect(stderr).to.include('the driver is nspawn or qemu, not "xen"');
  });

  it("tells machines how many of them serve, if that was said", async () => {
    const lab = new FormingLab();
    expect(await type("up --max-servers 1", { lab })).to.include({ exitCode: 0, stderr: "" });
    expect(parseConfigFile(lab.booted[0]?.config ?? "").maxServers).to.equal(1);
    const { exitCode, stderr } = await type("up --max-servers 2");
    expect(exitCode).to.equal(2);
    expect(stderr).to.include('--max-servers is 1, 3 or 5, so that a majority is more than half, not "2"');
  });

  it("tells machines how many of them found the cluster: all, or as many as that was said", async () => {
    const expected = async (words: string): Promise<number | undefined> => {
      const lab = new FormingLab();
      expect(await type(`up --nodes 3 --no-wait ${words}`, { lab })).to.include({ exitCode: 0 });
      return parseConfigFile(lab.booted[0]?.config ?? "").expect;
    };
    expect([await expected(""), await expected("--expect 2")]).to.deep.equal([3, 2]);
    const { exitCode, stderr } = await type("up --nodes 3 --expect 4");
    expect(exitCode).to.equal(2);
    expect(stderr).to.include("--expect");
  });

  it("only boots them, if it is not to wait", async () => {
    const { exitCode, stdout } = await type("up --nodes 2 --no-wait", { lab: new FormingLab() });
    expect(exitCode).to.equal(0);
    expect(stdout).to.include("checked this host").and.not.include("Ready");
  });

  it("ends the wait when a kernel stops, with its last words", async () => {
    const lab = new FormingLab();
    const boot = lab.up;
    lab.up = async (options) => {
      const machines = await boot(options);
      const [, second] = lab.present;
      if (second) {
        second.isRunning = () => Promise.resolve(false);
        second.lastWords = "Kernel panic - not syncing: Fatal exception";
      }
      return machines;
    };
    const { exitCode, stderr } = await type("up", { lab });
    expect(exitCode).to.equal(1);
    expect(stderr).to.include("the kernel of m2 stopped").and.include("Fatal exception");
  });

  it("tells each step with its time, then shows the cluster and what to try", async () => {
    expectGolden("up.txt", (await type("up", { lab: new FormingLab() })).stdout);
  });

  it("ends with an MPI job over all machines, once SLURM has all of them", async () => {
    const lab = new FormingLab();
    const boot = lab.up;
    lab.up = async (options) => {
      const machines = await boot(options);
      const [first] = lab.present;
      const idle: string[] = [NAMES[0], NAMES[0], NAMES[1]];
      const ask = first?.capture;
      if (first && ask) {
        first.capture = (argv) => {
          first.outputs.set("sinfo", `${idle.join("\n")}\n`);
          if (argv[0] === "sinfo") idle.push(NAMES[2]);
          return ask(argv);
        };
      }
      return machines;
    };
    const { exitCode, stdout } = await type("up --mpi", { lab });
    expect(exitCode).to.equal(0);
    expect(stdout).to.match(
      /^\$ srun --mpi=pmix --nodes=3 --ntasks=3 --chdir=\/tmp --time=5 python3 -c 'from mpi4py/m,
    );
    const ran = lab.present[0]?.ran.filter((line) => /^s(info|run) /.test(line)) ?? [];
    expect(ran.map((line) => line.split(" ")[0])).to.deep.equal(["sinfo", "sinfo", "srun"]);
    const { exitCode: mistake, stderr } = await type("up --mpi --no-wait");
    expect([mistake, stderr.split("\n")[0]]).to.deep.equal([
      2,
      "cluster-os: --mpi waits for the cluster, --no-wait does not",
    ]);
  });

  it("keeps a board below the steps on a terminal, and takes it away at the end", async () => {
    const { stdout } = await type("up", { lab: new FormingLab(), isTerminal: true });
    expect(stdout).to.include("m2  n-bbbbbbbbbb  serve  server  kubernetes joining");
    expect(stdout.split("\u001b[3F\u001b[J").at(-1)).to.match(/^\n\$ kubectl get clusternodes/);
  });

  it("waits for machines that run already instead of booting others", async () => {
    const machines = [1, 2, 3].map((number) => new FakeMachine(number));
    for (const machine of machines) machine.captured = clusterNodes(3);
    const lab = new FakeLab(...machines);
    const { exitCode, stdout } = await type("up", { lab });
    expect(exitCode).to.equal(0);
    expect(stdout).to.include("found 3 machines running");
    expect(lab.booted).to.deep.equal([]);
    expect(await type("up --nodes 5", { lab })).to.include({
      exitCode: 2,
      stderr:
        "cluster-os: 3 machines run already, not 5; end them first: cluster-os down\nusage: cluster-os up [--nodes N] [--driver DRIVER] [--expect N] [--max-servers N] [--failed-server-grace TIME] [--timeout SECONDS] [--mpi | --no-wait]\n",
    });
  });

  it("says how far each machine came when the time is up, and leaves them running", async () => {
    const lab = new FakeLab(
      new FakeMachine(1),
      new FakeMachine(2, nodeStatus(2, { kubernetes: { state: "joining", epoch: 0 } })),
    );
    const { exitCode, stderr } = await type("up --nodes 2 --timeout 1", { lab });
    expect(exitCode).to.equal(1);
    expect(stderr).to.include("not every node was Ready within 1 s").and.include("kubernetes joining");
    expect(stderr).to.include("log: cluster-os logs m2");
  });

  it("does not wait for a machine that went off", async () => {
    const lab = new FormingLab();
    const boot = lab.up;
    lab.up = async (options) => {
      const machines = await boot(options);
      const [, second] = lab.present;
      let looks = 0;
      if (second) second.isRunning = () => Promise.resolve((looks += 1) < 2);
      return machines;
    };
    const { exitCode, stderr } = await type("up", { lab });
    expect(exitCode).to.equal(1);
    expect(stderr).to.equal(
      "cluster-os: m2 went off while the cluster formed\n  log: cluster-os logs m2 --all\n  try: cluster-os start m2\n",
    );
  });

  it("down ends it, and says so when there was nothing", async () => {
    const lab = new FakeLab(new FakeMachine(1));
    expect(await type("down", { lab })).to.include({
      exitCode: 0,
      stdout: "the machines are gone, and nothing is left of them\n",
    });
    expect(await type("down", { lab })).to.include({ exitCode: 0, stdout: "the lab was down already\n" });
  });
});

describe("what happened between two looks", () => {
  const seen = (change: Parameters<typeof nodeStatus>[1], isRunning = true) => [
    { machine: "m1", isRunning, status: nodeStatus(1, change), silence: undefined },
  ];
  const cases = [
    { name: "nothing", before: seen({}), after: seen({}), expected: [] },
    { name: "a first answer", before: [], after: seen({ steps: [] }), expected: ["m1 is n-aaaaaaaaaa"] },
    {
      name: "a step",
      before: seen({ steps: [] }),
      after: seen({ steps: [{ name: "mesh up", atMs: 1 }] }),
      expected: ["m1 mesh up"],
    },
    {
      name: "a problem, once",
      before: seen({}),
      after: seen({ problems: [{ kind: "clock", message: "the clock is late" }] }),
      expected: ["m1 says: the clock is late"],
    },
    { name: "its end", before: seen({}), after: seen({}, false), expected: ["m1 went off"] },
  ];
  for (const { name, before, after, expected } of cases) {
    it(name, () => expect(whatHappened(before, after)).to.deep.equal(expected));
  }
});

describe("a machine that is silent for a while", () => {
  it("is not news when it speaks again", () => {
    const speaking = { machine: "m1", isRunning: true, status: nodeStatus(1), silence: undefined };
    const silent = { ...speaking, status: undefined, silence: "did not answer within 5 s" };
    expect(whatHappened(remember([speaking], [silent]), [speaking])).to.deep.equal([]);
  });
});

describe("progress on a terminal", () => {
  it("cuts lines that would wrap, because wrapped ones could not be erased", () => {
    let written = "";
    const output = { write: (text: string) => void (written += text), isTerminal: true, columns: 10 };
    openProgress(output, () => 0).board(["0123456789abc"]);
    expect(written).to.equal("012345678\n");
  });
});
