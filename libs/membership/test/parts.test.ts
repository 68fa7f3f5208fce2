import { expect } from "chai";
import fc from "fast-check";
import { seededRng } from "@cluster-os/std";
import { asHeardFrom, compareAddresses, withoutZone } from "../src/address.ts";
import { Awareness } from "../src/awareness.ts";
import { defaultMembershipConfig as config } from "../src/config.ts";
import { FactStore } from "../src/facts.ts";
import { ProbeOrder } from "../src/probe-order.ts";
import { Prober } from "../src/prober.ts";
import { Redialler } from "../src/redialler.ts";
import { Relays } from "../src/relays.ts";
import { bootCounterOf, firstIncarnation } from "../src/self.ts";
import { compareMembers, syncHash } from "../src/sync.ts";
import type { MemberDigest } from "../src/message.ts";
import { identityNumber, range } from "./mini-network.ts";

const ids = range(1, 9).map((number) => identityNumber(number).nodeId);

describe("addresses of others", () => {
  const table: [string, string, string | undefined][] = [
    ["[fe80::7]:1", "[fe80::2%eth1]:1", "[fe80::7%eth1]:1"],
    ["[fe80::7%ib0]:1", "[fe80::2%eth1]:1", "[fe80::7%eth1]:1"],
    ["[fe80::7]:1", "10.0.0.2:1", undefined],
    ["[fd00::7]:1", "10.0.0.2:1", "[fd00::7]:1"],
    ["10.0.0.7:1", "[fe80::2%eth1]:1", "10.0.0.7:1"],
    ["", "[fe80::2%eth1]:1", undefined],
    ["two words", "[fe80::2%eth1]:1", undefined],
  ];
  for (const [address, teller, expected] of table) {
    it(`${address || "none"} heard from ${teller} is ${expected ?? "of no use"}`, () => {
      expect(asHeardFrom(address, teller)).to.equal(expected);
    });
  }

  it("travel without zone", () => {
    expect(withoutZone("[fe80::7%eth0]:1")).to.equal("[fe80::7]:1");
    expect(withoutZone("10.0.0.7:1")).to.equal("10.0.0.7:1");
  });

  it("are ordered: link-local, other IPv6, IPv4", () => {
    const sorted = ["[fe80::2%eth0]:1", "[fe80::3%eth0]:1", "[fd00::1]:1", "10.0.0.1:1"];
    expect([...sorted].reverse().sort(compareAddresses)).to.deep.equal(sorted);
  });
});

describe("incarnations", () => {
  it("of a later life are above all of an earlier one, and fit a number", () => {
    expect(firstIncarnation(2)).to.be.greaterThan(firstIncarnation(1) + 1_000_000);
    expect(bootCounterOf(firstIncarnation(7) + 3)).to.equal(7);
    expect(Number.isSafeInteger(firstIncarnation(2 ** 32 - 1) + 2 ** 20 - 1)).to.equal(true);
  });
});

describe("the order of probes", () => {
  it("takes everyone once before anyone again", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 9 }), (seed, count) => {
        const order = new ProbeOrder(seededRng(seed));
        const candidates = ids.slice(0, count);
        for (const _round of range(1, 3)) {
          const round = candidates.map(() => order.next(candidates));
          expect([...new Set(round)]).to.have.members(candidates);
        }
      }),
    );
  });

  it("takes up who comes within the round, and drops who goes", () => {
    const order = new ProbeOrder(seededRng(1));
    order.next(ids.slice(0, 4));
    const later = [...ids.slice(1, 4), ids[8]!];
    const round = range(1, 4).map(() => order.next(later));
    expect(round).to.include(ids[8]);
    expect(round).not.to.include(ids[0]);
  });

  it("has nobody among nobody", () => {
    expect(new ProbeOrder(seededRng(1)).next([])).to.equal(undefined);
  });
});

describe("the prober", () => {
  const start = 10_000;

  function begin() {
    const awareness = new Awareness(config.awarenessLimit);
    const prober = new Prober(config, awareness, seededRng(1), start);
    const pingAt = prober.wakeAt;
    const [ping] = prober.step(pingAt, [ids[0]!]);
    if (ping?.kind !== "ping") return expect.fail("it pings first");
    return { awareness, prober, pingAt, sequence: ping.sequence };
  }

  it("does not begin at once, so that nodes started together do not probe together", () => {
    expect(begin().pingAt).to.be.within(start, start + config.probeIntervalMs);
  });

  it("is content with an answer in time", () => {
    const { awareness, prober, pingAt, sequence } = begin();
    awareness.apply(1);
    expect(prober.answered(sequence + 1)).to.equal(false);
    expect(prober.answered(sequence)).to.equal(true);
    expect(prober.answered(sequence), "counted once").to.equal(false);
    expect(awareness.score).to.equal(0);
    expect(prober.wakeAt).to.equal(pingAt + config.probeIntervalMs);
    expect(prober.step(prober.wakeAt, [ids[0]!]).map(({ kind }) => kind)).to.deep.equal(["ping"]);
  });

  it("asks others after the timeout, and gives up at the interval's end", () => {
    const { awareness, prober, pingAt, sequence } = begin();
    expect(prober.wakeAt).to.equal(pingAt + config.probeTimeoutMs);
    const asking = prober.step(prober.wakeAt, [ids[0]!]);
    expect(asking).to.deep.equal([{ kind: "ask-others", target: ids[0], sequence }]);
    prober.asked(3);
    prober.nacked(sequence);
    expect(prober.wakeAt).to.equal(pingAt + config.probeIntervalMs);
    const kinds = prober.step(prober.wakeAt, [ids[0]!]).map(({ kind }) => kind);
    expect(kinds).to.deep.equal(["unanswered", "ping"]);
    expect(awareness.score, "two of those asked said nothing").to.equal(2);
  });

  it("does not doubt itself when all who were asked found the same", () => {
    const { awareness, prober, sequence } = begin();
    prober.step(prober.wakeAt, [ids[0]!]);
    prober.asked(1);
    prober.nacked(sequence);
    prober.step(prober.wakeAt, [ids[0]!]);
    expect(awareness.score).to.equal(0);
  });

  it("takes an answer by way of others", () => {
    const { prober, sequence } = begin();
    prober.step(prober.wakeAt, [ids[0]!]);
    expect(prober.answered(sequence)).to.equal(true);
    expect(prober.step(prober.wakeAt, []).map(({ kind }) => kind)).to.deep.equal([]);
  });

  it("waits longer while it is unwell", () => {
    const awareness = new Awareness(config.awarenessLimit);
    awareness.apply(2);
    const prober = new Prober(config, awareness, seededRng(1), start);
    const pingAt = prober.wakeAt;
    prober.step(pingAt, [ids[0]!]);
    expect(prober.wakeAt).to.equal(pingAt + 3 * config.probeTimeoutMs);
  });
});

describe("pings for others", () => {
  const relay = { origin: ids[0]!, originAddress: "a", originSequence: 5 };

  it("say once that there is no answer yet, and still pass on a late one", () => {
    const relays = new Relays();
    relays.add(9, relay, { nackAt: 400, dropAt: 2_000 });
    expect(relays.wakeAt).to.equal(400);
    expect(relays.dueNacks(399)).to.deep.equal([]);
    expect(relays.dueNacks(400)).to.have.length(1);
    expect(relays.dueNacks(401)).to.deep.equal([]);
    expect(relays.answered(9)).to.include(relay);
    expect(relays.answered(9)).to.equal(undefined);
  });

  it("are forgotten in the end", () => {
    const relays = new Relays();
    relays.add(9, relay, { nackAt: 400, dropAt: 2_000 });
    relays.dueNacks(2_000);
    expect(relays.answered(9)).to.equal(undefined);
    expect(relays.wakeAt).to.equal(Infinity);
  });
});

describe("redialling", () => {
  it("goes on for ever, ever more slowly, never slower than the limit", () => {
    const redialler = new Redialler<string>({ initialMs: 1_000, maxMs: 30_000, factor: 2 }, seededRng(3));
    redialler.add("x", 0);
    redialler.add("x", 99_999);
    let previous = 0;
    for (const tries of range(1, 40)) {
      const now = redialler.wakeAt;
      expect(now - previous).to.be.at.most(30_000);
      if (tries > 10) expect(now - previous).to.be.at.least(15_000);
      expect(redialler.due(now)).to.deep.equal(["x"]);
      expect(redialler.tries("x")).to.equal(tries);
      previous = now;
    }
    redialler.remove("x");
    expect(redialler.wakeAt).to.equal(Infinity);
  });
});

describe("facts", () => {
  const verify = (_key: string, bytes: Uint8Array) => (bytes[0] === 0 ? undefined : { version: bytes[0]! });
  const fact = (version: number, variant = 0): Uint8Array => new Uint8Array([version, variant]);

  it("of a higher version replace lower ones; those not genuine are refused", () => {
    const store = new FactStore(verify);
    expect(store.learn("k", fact(0))).to.equal("refused");
    expect(store.learn("k", fact(2))).to.deep.equal({ version: 2, bytes: fact(2) });
    expect(store.learn("k", fact(2))).to.equal("known");
    expect(store.learn("k", fact(1))).to.equal("known");
    expect(store.learn("k", fact(3))).to.include({ version: 3 });
    expect(store.all.get("k")?.bytes).to.deep.equal(fact(3));
  });

  it("are the same on two nodes after each gave the other what it lacked", () => {
    const heard = fc.array(
      fc.tuple(
        fc.constantFrom("a", "b", "c"),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 2 }),
      ),
    );
    fc.assert(
      fc.property(heard, heard, (toFirst, toSecond) => {
        const [first, second] = [new FactStore(verify), new FactStore(verify)];
        for (const [key, version, variant] of toFirst) first.learn(key, fact(version, variant));
        for (const [key, version, variant] of toSecond) second.learn(key, fact(version, variant));
        const { give, want } = first.compare(second.digests());
        const given = give.map((key) => [key, first.all.get(key)!.bytes] as const);
        for (const key of want) first.learn(key, second.all.get(key)!.bytes);
        for (const [key, bytes] of given) second.learn(key, bytes);
        expect(first.digests()).to.deep.equal(second.digests());
        expect(first.compare(second.digests())).to.deep.equal({ give: [], want: [] });
      }),
    );
  });
});

describe("comparing members", () => {
  const digest = (
    number: number,
    incarnation: number,
    status: MemberDigest["status"] = "alive",
  ): MemberDigest => ({
    nodeId: ids[number]!,
    incarnation,
    status,
  });
  const table: {
    name: string;
    own: MemberDigest;
    other: MemberDigest | undefined;
    outcome: "give" | "want" | "agree";
  }[] = [
    { name: "gives what the other has not", own: digest(0, 1), other: undefined, outcome: "give" },
    { name: "gives what is newer", own: digest(0, 2), other: digest(0, 1, "left"), outcome: "give" },
    { name: "gives what is worse", own: digest(0, 1, "failed"), other: digest(0, 1), outcome: "give" },
    { name: "wants what is newer", own: digest(0, 1, "failed"), other: digest(0, 2), outcome: "want" },
    {
      name: "wants to know who left",
      own: digest(0, 1, "failed"),
      other: digest(0, 1, "left"),
      outcome: "want",
    },
    { name: "says nothing where both agree", own: digest(0, 1), other: digest(0, 1), outcome: "agree" },
  ];
  for (const { name, own, other, outcome } of table) {
    it(name, () => {
      const { give, want } = compareMembers([own], other ? [other] : []);
      expect(give).to.deep.equal(outcome === "give" ? [ids[0]] : []);
      expect(want).to.deep.equal(outcome === "want" ? [ids[0]] : []);
    });
  }

  it("hashes the same whatever the order", () => {
    const members = [digest(0, 1), digest(1, 2, "failed"), digest(2, 3, "left")];
    expect(syncHash(members, [])).to.deep.equal(syncHash([...members].reverse(), []));
    expect(syncHash(members, [])).not.to.deep.equal(syncHash([digest(0, 2), ...members.slice(1)], []));
  });
});
