import { expect } from "chai";
import { FakeLab, FakeMachine, type } from "./support.ts";

const CHANGES = [
  { change: "remove", chain: "input", rule: "tcp dport 80 accept  # declared in openPorts" },
  { change: "add", chain: "input", rule: "tcp dport 443 accept  # declared in openPorts" },
] as const;

describe("cluster-os firewall", () => {
  const machine = new FakeMachine(1);
  machine.firewall = {
    mode: "on",
    isInPlace: true,
    rules: [
      { chain: "input", rule: "tcp dport 22 accept  # SSH" },
      { chain: "input", rule: "counter drop  # everything else", packets: 7 },
    ],
    changes: [...CHANGES],
    sshPorts: [22],
  };
  const lab = new FakeLab(machine);

  it("shows the rules that are there, what was refused, and that something would change", async () => {
    expect((await type("firewall m1", { lab })).stdout).to.equal(
      [
        "firewall: on",
        "to this machine:",
        "  tcp dport 22 accept  # SSH",
        "  counter drop  # everything else  (7 packets)",
        "2 rules would change at the next start: --dry-run lists them",
        "",
      ].join("\n"),
    );
  });

  it("lists what would change, and nothing else, in a dry run", async () => {
    expect((await type("firewall m1 --dry-run", { lab })).stdout).to.equal(
      [
        "firewall: on; at the next start of cluster-os-bootstrap:",
        "  - input: tcp dport 80 accept  # declared in openPorts",
        "  + input: tcp dport 443 accept  # declared in openPorts",
        "",
      ].join("\n"),
    );
    const settled = new FakeMachine(1);
    const { stdout } = await type("firewall m1 --dry-run", { lab: new FakeLab(settled) });
    expect(stdout).to.equal("firewall: on; nothing would change\n");
  });

  it("says why there are none", async () => {
    const bare = new FakeMachine(1);
    bare.firewall = { ...bare.firewall, error: "there is no nft on this machine" };
    const { stdout } = await type("firewall m1", { lab: new FakeLab(bare) });
    expect(stdout).to.equal("firewall: on, and no rules are in place\n  there is no nft on this machine\n");
  });

  it("gives all of it as JSON", async () => {
    const { stdout } = await type("firewall m1 -o json", { lab });
    expect(JSON.parse(stdout)).to.deep.equal(machine.firewall);
  });
});
