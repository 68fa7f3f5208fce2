import { expect } from "chai";
import fc from "fast-check";
import { Expectations } from "../src/index.ts";

describe("Expectations", () => {
  it("a key waits until every sign was seen", () => {
    const expectations = new Expectations();
    expect(expectations.isFulfilled("set", 0)).to.equal(true);
    expectations.expect("set", ["create a", "create b"], 0);
    expect(expectations.isFulfilled("set", 1)).to.equal(false);
    expectations.observe("set", "create a");
    // Seen twice, as a watch that begins anew shows things again.
    expectations.observe("set", "create a");
    expect(expectations.isFulfilled("set", 1)).to.equal(false);
    expectations.observe("set", "create b");
    expect(expectations.isFulfilled("set", 1)).to.equal(true);
  });

  it("another key, and a sign nobody expects, change nothing", () => {
    const expectations = new Expectations();
    expectations.expect("one", ["create a"], 0);
    expectations.observe("two", "create a");
    expectations.observe("one", "create z");
    expect(expectations.isFulfilled("one", 1)).to.equal(false);
    expect(expectations.isFulfilled("two", 1)).to.equal(true);
  });

  it("a sign that was missed holds nobody up for ever", () => {
    const expectations = new Expectations({ expiryMs: 1000 });
    expectations.expect("set", ["create a"], 5000);
    expect(expectations.expiresAt("set")).to.equal(6000);
    expect(expectations.isFulfilled("set", 5999)).to.equal(false);
    expect(expectations.isFulfilled("set", 6000)).to.equal(true);
    // What had expired is not taken up again.
    expectations.expect("set", ["create b"], 7000);
    expectations.observe("set", "create b");
    expect(expectations.isFulfilled("set", 7001)).to.equal(true);
  });

  it("nothing expected, and a key that is gone, wait for nothing", () => {
    const expectations = new Expectations();
    expectations.expect("set", [], 0);
    expect(expectations.isFulfilled("set", 0)).to.equal(true);
    expectations.expect("set", ["create a"], 0);
    expectations.forget("set");
    expect(expectations.isFulfilled("set", 0)).to.equal(true);
  });

  it("waits exactly while a sign is missing, in whatever order they come", () => {
    const signs = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1 });
    const seen = fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f"));
    fc.assert(
      fc.property(signs, seen, (expected, observed) => {
        const expectations = new Expectations();
        expectations.expect("key", expected, 0);
        for (const sign of observed) expectations.observe("key", sign);
        const isAllSeen = expected.every((sign) => observed.includes(sign));
        expect(expectations.isFulfilled("key", 1)).to.equal(isAllSeen);
      }),
    );
  });
});
