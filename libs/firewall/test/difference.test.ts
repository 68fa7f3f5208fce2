import { expect } from "chai";
import {
  differences,
  isSameRuleset,
  mergePorts,
  parsePortRange,
  parseTable,
  planFirewall,
  type Ruleset,
} from "../src/index.ts";
import { listed, WISH } from "./fixtures.ts";

const plan = planFirewall(WISH);

describe("differences", () => {
  it("are none between a plan and what is listed of it, in whatever order sets are and whatever was counted", () => {
    const shuffled = listed(plan)
      .replace('["lo","cos0","cni0"]', '["cni0","cos0","lo"]')
      .replaceAll('"packets":0', '"packets":7');
    expect(shuffled).to.not.equal(listed(plan));
    expect(differences(parseTable(shuffled), plan)).to.deep.equal([]);
    expect(isSameRuleset(parseTable(shuffled), plan)).to.equal(true);
  });

  it("name a declared port that comes, and one that goes", () => {
    const other = planFirewall({ ...WISH, openPorts: [{ protocol: "tcp", first: 80, last: 80 }] });
    expect(
      differences(plan, other).map(({ change, chain, rule }) => `${change} ${chain}: ${rule}`),
    ).to.deep.equal([
      "remove input: tcp dport 443 accept  # declared in openPorts",
      "remove input: udp dport 60000-60010 accept  # declared in openPorts",
      "add input: tcp dport 80 accept  # declared in openPorts",
      "remove forward: ct status dnat protocol tcp asked for 443 accept  # declared in openPorts",
      "remove forward: ct status dnat protocol udp asked for 60000-60010 accept  # declared in openPorts",
      "add forward: ct status dnat protocol tcp asked for 80 accept  # declared in openPorts",
    ]);
  });

  it("name a rule that somebody put in by hand, and one that was taken out", () => {
    const [input, forward] = plan.chains as [Ruleset["chains"][number], Ruleset["chains"][number]];
    const foreign = {
      comment: "",
      expr: [{ limit: { rate: 5 } }, { accept: null }],
    } as unknown as (typeof input.rules)[number];
    const touched = { chains: [{ ...input, rules: [foreign, ...input.rules.slice(1)] }, forward] };
    expect(differences(touched, plan)).to.deep.equal([
      { change: "remove", chain: "input", rule: '{"limit":{"rate":5}} accept' },
      { change: "add", chain: "input", rule: "ct state established,related accept  # answers" },
    ]);
    expect(isSameRuleset(touched, plan)).to.equal(false);
  });

  it("tell of a rule that moved", () => {
    const [input, forward] = plan.chains as [Ruleset["chains"][number], Ruleset["chains"][number]];
    const moved = {
      chains: [{ ...input, rules: [...input.rules.slice(1), ...input.rules.slice(0, 1)] }, forward],
    };
    expect(differences(moved, plan)).to.have.length(2);
  });

  it("are all rules where there is no table, and where there shall be none", () => {
    const count = plan.chains.flatMap(({ rules }) => rules).length;
    expect(differences(undefined, plan).filter(({ change }) => change === "add")).to.have.length(count);
    expect(differences(plan, undefined).filter(({ change }) => change === "remove")).to.have.length(count);
  });
});

describe("ports", () => {
  for (const [text, expected] of [
    ["443/tcp", { protocol: "tcp", first: 443, last: 443 }],
    ["60000-61000/udp", { protocol: "udp", first: 60_000, last: 61_000 }],
    ["0/tcp", undefined],
    ["70000/tcp", undefined],
    ["90-80/tcp", undefined],
    ["80", undefined],
    ["80/sctp", undefined],
  ] as const) {
    it(`reads ${text}`, () => expect(parsePortRange(text)).to.deep.equal(expected));
  }

  it("joins what overlaps and what is next to each other", () => {
    const single = (port: number) => ({ first: port, last: port });
    expect(
      mergePorts([single(5), { first: 1, last: 3 }, single(4), { first: 2, last: 2 }, single(9)]),
    ).to.deep.equal([{ first: 1, last: 5 }, single(9)]);
  });
});
