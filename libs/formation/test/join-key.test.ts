import { expect } from "chai";
import { JoinKey } from "../src/join-key.ts";
import { JoinKeys } from "../src/join-keys.ts";

const key = new JoinKey(new Uint8Array(32).fill(1));
const other = new JoinKey(new Uint8Array(32).fill(2));
const none = new JoinKey(undefined);
const one = Uint8Array.of(1);
const two = Uint8Array.of(2, 3);

describe("join key", () => {
  it("has a tag of its own that does not show the key", () => {
    expect(key.tag).to.have.length(8).and.to.not.deep.equal(other.tag);
    expect(new JoinKey(new Uint8Array(32).fill(1)).tag).to.deep.equal(key.tag);
    const keys = new JoinKeys(key);
    expect(keys.isForeignTag(other.tag)).to.equal(true);
    expect(keys.isForeignTag(key.tag)).to.equal(false);
    expect(keys.isForeignTag(none.tag)).to.equal(false);
    expect(new JoinKeys(none).isForeignTag(key.tag)).to.equal(false);
  });

  it("authenticates parts for one purpose, among holders of the key", () => {
    const mac = key.mac("ballot", one, two);
    expect(key.isMac(mac, "ballot", one, two)).to.equal(true);
    expect(key.isMac(mac, "answer", one, two)).to.equal(false);
    expect(key.isMac(mac, "ballot", two, one)).to.equal(false);
    expect(key.isMac(mac, "ballot", Uint8Array.of(1, 2), Uint8Array.of(3))).to.equal(false);
    expect(other.isMac(mac, "ballot", one, two)).to.equal(false);
    expect(key.isMac(undefined, "ballot", one)).to.equal(false);
  });

  it("remembers who proved to hold it, by a MAC of that machine's own beacon, and nobody else", () => {
    const mine = new JoinKey(new Uint8Array(32).fill(3));
    const mac = mine.mac("beacon", one, two);
    let encoded = 0;
    const plain = (): Uint8Array => {
      encoded += 1;
      return two;
    };
    expect(mine.isHeldBy(two, mac, plain), "another machine's MAC").to.equal(false);
    expect(mine.isHeldBy(one, undefined, plain), "none yet").to.equal(false);
    expect(other.isHeldBy(one, mac, plain), "another key").to.equal(false);
    expect(mine.isHeldBy(one, mac, plain)).to.equal(true);
    expect(encoded).to.equal(4);
    expect(mine.isHeldBy(one, undefined, plain)).to.equal(true);
    expect(encoded, "a beacon is encoded anew until its sender proved it").to.equal(4);
    expect(mine.isHeldBy(two, mac, plain)).to.equal(false);
  });

  it("authenticates nothing where there is none", () => {
    expect(none.mac("ballot", one)).to.equal(undefined);
    expect(none.isMac(key.mac("ballot", one), "ballot", one)).to.equal(false);
    expect(none.isHeldBy(one, key.mac("beacon", one, two), () => two)).to.equal(false);
  });
});

describe("the join keys of a member", () => {
  it("are its own, and the one in force, which is the newest", () => {
    let inForce: Uint8Array | undefined;
    const keys = new JoinKeys(key, () => inForce);
    expect(keys.all).to.deep.equal([key]);
    inForce = new Uint8Array(32).fill(2);
    expect(keys.all.map(({ id }) => id)).to.deep.equal([other.id, key.id]);
    expect(keys.newest.id).to.equal(other.id);
    expect(keys.find(key.tag)).to.equal(key);
    expect(keys.find(other.tag)?.id).to.equal(other.id);
    expect(keys.isForeignTag(other.tag)).to.equal(false);
    inForce = new Uint8Array(32).fill(1);
    expect(keys.all).to.deep.equal([key]);
    expect(new JoinKeys(none, () => inForce).all.map(({ id }) => id)).to.deep.equal([key.id]);
  });
});
