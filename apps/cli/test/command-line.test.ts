import { expect } from "chai";
import { COMMANDS } from "../src/commands.ts";
import { expectGolden, FakeLab, FakeMachine, MEMBERS, nodeStatus, type } from "./support.ts";

describe("command lines that are not understood", () => {
  const cases = [
    { line: "statu", says: 'there is no command "statu"; did you mean "status"?' },
    { line: "frobnicate", says: 'there is no command "frobnicate"; see: cluster-os help' },
    { line: "help frob", says: 'there is no command "frob"; see: cluster-os help' },
    { line: "up --nodes 0", says: '--nodes is a whole number from 1 to 50, not "0"' },
    { line: "up --nodes three", says: '--nodes is a whole number from 1 to 50, not "three"' },
    { line: "up --nodes 51", says: "not" },
    { line: "up --nodes", says: "argument missing" },
    { line: "up 3", says: '"3" is one word too many' },
    { line: "up --nods 3", says: "unknown option '--nods'" },
    { line: "up --timeout 1.5", says: "--timeout is a whole number" },
    { line: "down now", says: '"now" is one word too many' },
    { line: "status -o yaml", says: 'the output is text or json, not "yaml"' },
    { line: "members -o", says: "argument missing" },
    { line: "shell", says: "N is missing" },
    { line: "shell m1 date", says: '"date" is one word too many' },
    { line: "shell m1 --", says: "the command after -- is missing" },
    { line: "logs", says: "N is missing" },
    { line: "logs m1 -n many", says: '--lines is a whole number from 1 to 1000000, not "many"' },
    { line: "kill", says: "N is missing" },
    { line: "start m1 m2", says: '"m2" is one word too many' },
    { line: "revoke", says: "NODE is missing" },
  ];
  for (const { line, says } of cases) {
    it(line, async () => {
      const { exitCode, stdout, stderr } = await type(line, { lab: new FakeLab(new FakeMachine(1)) });
      expect(stderr).to.include(says);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: "" });
    });
  }

  it("name the command's own usage", async () => {
    expect((await type("shell")).stderr).to.equal(
      "cluster-os: N is missing\nusage: cluster-os shell N [-- COMMAND...]\n",
    );
  });
});

describe("help", () => {
  it("lists every command", async () => expectGolden("help.txt", (await type("help")).stdout));
  it("is what nothing at all and --help give", async () => {
    const { stdout } = await type("help");
    for (const line of ["", "--help", "-h"]) expect((await type(line)).stdout).to.equal(stdout);
  });
  it("tells of each command", async () => {
    const pages = await Promise.all(COMMANDS.map(async ({ name }) => (await type(`help ${name}`)).stdout));
    expectGolden("help-of-commands.txt", pages.join("\n-----\n"));
  });
  it("comes for --help after a command, but not for what follows --", async () => {
    expect((await type("up --help")).stdout).to.match(/^usage: cluster-os up/);
    const machine = new FakeMachine(1);
    await type("shell m1 -- ls --help", { lab: new FakeLab(machine) });
    expect(machine.ran).to.deep.equal(["ls --help"]);
  });
  it("version", async () => expect((await type("version")).stdout).to.equal("0.1.0\n"));
  it("join-key prints 32 bytes in base64", async () => {
    expect(Buffer.from((await type("join-key")).stdout, "base64")).to.have.length(32);
  });
});

describe("one machine of the lab", () => {
  for (const word of ["m2", "2", "n-bbbbbbbbbb"]) {
    it(`${word} is machine 2, running or not`, async () => {
      const machine = new FakeMachine(2);
      const lab = new FakeLab(new FakeMachine(1), machine);
      expect((await type(`kill ${word}`, { lab })).stdout).to.equal("m2 has no power\n");
      expect(machine.on).to.equal(false);
      expect((await type(`kill ${word}`, { lab })).stdout).to.equal("m2 was off already\n");
      expect((await type(`start ${word}`, { lab })).stdout).to.equal("m2 boots\n");
      expect((await type(`start ${word}`, { lab })).stdout).to.equal("m2 runs already\n");
    });
  }

  it("that there is not", async () => {
    expect(await type("kill 9", { lab: new FakeLab(new FakeMachine(1), new FakeMachine(2)) })).to.deep.equal({
      exitCode: 1,
      stdout: "",
      stderr: 'cluster-os: there is no machine "9": the lab has m1, m2\n  try: cluster-os status\n',
    });
    expect((await type("shell m1")).stderr).to.equal(
      'cluster-os: there is no machine "m1": the lab is down\n  try: cluster-os up\n',
    );
  });

  it("shell passes on the exit code", async () => {
    const machine = new FakeMachine(1);
    machine.exitCode = 42;
    expect((await type("shell 1 -- sh -c x", { lab: new FakeLab(machine) })).exitCode).to.equal(42);
    await type("shell 1", { lab: new FakeLab(machine) });
    expect(machine.ran).to.deep.equal(["sh -c x", "/bin/bash --login"]);
  });

  it("logs are Cluster-OS's, of a unit, or of everything", async () => {
    const machine = new FakeMachine(1);
    const lab = new FakeLab(machine);
    for (const line of ["logs 1", "logs 1 -f", "logs 1 --unit kubelet -n 5", "logs 1 --all"])
      await type(line, { lab });
    expect(machine.ran.map((choice) => JSON.parse(choice) as unknown)).to.deep.equal([
      { follow: false, unit: "cluster-os-*" },
      { follow: true, unit: "cluster-os-*" },
      { follow: false, lines: 5, unit: "kubelet" },
      { follow: false },
    ]);
  });
});

describe("kubectl", () => {
  it("runs on a machine that serves, with the words as they are", async () => {
    const [off, worker, server] = [
      new FakeMachine(1),
      new FakeMachine(2, nodeStatus(2, { role: "worker" })),
      new FakeMachine(3),
    ];
    off.on = false;
    server.exitCode = 3;
    const ended = await type("kubectl get nodes -o wide --help", { lab: new FakeLab(off, worker, server) });
    expect(ended.exitCode).to.equal(3);
    expect(server.ran).to.deep.equal([
      "kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes -o wide --help",
    ]);
    expect(worker.ran).to.deep.equal([]);
  });

  const cases = [
    {
      name: "nobody serves yet",
      lab: [nodeStatus(1, { kubernetes: { state: "joining", epoch: 0 } }), nodeStatus(2)],
      off: [2],
      says: "no machine serves the Kubernetes API at present",
    },
    { name: "no lab and no node", lab: [], off: [], says: "bootstrap is not running on this machine" },
  ];
  for (const { name, lab, off, says } of cases) {
    it(name, async () => {
      const machines = lab.map((status, index) => new FakeMachine(index + 1, status));
      machines.filter(({ number }) => off.includes(number)).forEach((machine) => (machine.on = false));
      const { exitCode, stderr } = await type("kubectl get nodes", { lab: new FakeLab(...machines) });
      expect(stderr).to.include(says).and.include("try: cluster-os status");
      expect(exitCode).to.equal(1);
    });
  }

  it("on a node that is a worker says where to go", async () => {
    const thisMachine = new FakeMachine(2, nodeStatus(2, { role: "worker" }));
    const { stderr } = await type("kubectl get nodes", { thisMachine });
    expect(stderr).to.include("this machine is a worker").and.include("on a server: n-aaaaaaaaaa");
  });
});

describe("members", () => {
  it("for people", async () =>
    expectGolden("members.txt", (await type("members", { lab: new FakeLab(new FakeMachine(1)) })).stdout));
  it("for programs", async () => {
    const { stdout } = await type("members -o json", { thisMachine: new FakeMachine(1) });
    expectGolden("members.json", stdout);
    expect(JSON.parse(stdout)).to.deep.equal(MEMBERS);
  });
  it("that nobody can list", async () => {
    const { exitCode, stderr } = await type("members");
    expect({ exitCode, stderr }).to.deep.equal({
      exitCode: 1,
      stderr:
        "cluster-os: nobody can list the members: bootstrap is not running on this machine\n  try: cluster-os status\n",
    });
  });
});

describe("partition and heal", () => {
  const lab = () => new FakeLab(new FakeMachine(1), new FakeMachine(2), new FakeMachine(3));

  it("splits the network into the groups that were named", async () => {
    const split = lab();
    expect((await type("partition 1|m2,3", { lab: split })).stdout).to.equal(
      "the network is split: m1 | m2 m3\n",
    );
    expect(split.groups).to.deep.equal([[1], [2, 3]]);
    await type("heal", { lab: split });
    expect(split.groups).to.equal(undefined);
  });

  it("refuses a machine in two groups, and one that is not there", async () => {
    expect((await type("partition 1,2|2", { lab: lab() })).stderr).to.include("m2 is in two groups");
    expect((await type("partition 1|9", { lab: lab() })).stderr).to.include('there is no machine "9"');
  });
});
