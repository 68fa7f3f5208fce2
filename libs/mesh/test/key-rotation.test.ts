import { expect } from "chai";
import {
  chooseAddressPlan,
  InMemoryWireGuard,
  meshWish,
  planDevice,
  planRotation,
  ROTATION_POLICY,
  type MeshMember,
  type MeshWish,
} from "../src/index.ts";
import { publicKeyOf, testKey } from "./keys.ts";

const DAY_MS = 86_400_000;
const { announceMs } = ROTATION_POLICY;

describe("planRotation", () => {
  for (const [name, observed, expected] of [
    ["a young key stays", { currentAgeMs: DAY_MS, nextAgeMs: undefined, isAsked: false }, undefined],
    [
      "an old key is replaced",
      { currentAgeMs: 30 * DAY_MS, nextAgeMs: undefined, isAsked: false },
      "announce",
    ],
    [
      "so is any that somebody wants replaced",
      { currentAgeMs: 0, nextAgeMs: undefined, isAsked: true },
      "announce",
    ],
    [
      "the next key is announced for a while",
      { currentAgeMs: 31 * DAY_MS, nextAgeMs: announceMs - 1, isAsked: true },
      undefined,
    ],
    ["and then used", { currentAgeMs: DAY_MS, nextAgeMs: announceMs, isAsked: false }, "switch"],
    [
      "also after a crash between the two",
      { currentAgeMs: DAY_MS, nextAgeMs: 9 * DAY_MS, isAsked: false },
      "switch",
    ],
    [
      "a clock that was set back holds nothing up",
      { currentAgeMs: -1, nextAgeMs: -1, isAsked: false },
      "switch",
    ],
  ] as const) {
    it(name, () => expect(planRotation(observed)).to.equal(expected));
  }
});

describe("a peer whose key rotates", () => {
  const addressPlan = chooseAddressPlan([]);
  const [oldKey, nextKey] = [publicKeyOf(testKey(2)), publicKeyOf(testKey(20))];
  const allowedIps = ["10.86.0.2/32", "10.112.2.0/24"];
  const wishOf = (member: Partial<MeshMember>): MeshWish =>
    meshWish({
      addressPlan,
      selfIndex: 1,
      peers: [{ index: 2, wireguardKey: oldKey, endpoint: "192.0.2.2:51820", ...member }],
      unheard: [],
      privateKey: testKey(1),
      publicKey: publicKeyOf(testKey(1)),
      listenPort: 51_820,
    });
  const device = new InMemoryWireGuard(["cos0"], publicKeyOf);
  const converge = async (wish: MeshWish) => {
    const change = planDevice(await device.get("cos0"), wish, 0);
    if (change) await device.configure("cos0", change);
    return change?.peers.map(({ kind, publicKey }) => [kind, publicKey]);
  };
  const carrier = async () =>
    (await device.get("cos0")).peers.map(({ publicKey, allowedIps: held }) => [publicKey, held]);

  it("keeps its addresses with the present key while the next is announced", async () => {
    await converge(wishOf({}));
    expect(await converge(wishOf({ nextKey }))).to.deep.equal([["set-peer", nextKey]]);
    expect(await carrier()).to.have.deep.members([
      [oldKey, allowedIps],
      [nextKey, []],
    ]);
    expect(await converge(wishOf({ nextKey })), "and is at rest").to.equal(undefined);
  });

  it("moves them in one change when the next is in use, and its session stays", async () => {
    expect(await converge(wishOf({ wireguardKey: nextKey }))).to.deep.equal([
      ["remove-peer", oldKey],
      ["set-peer", nextKey],
    ]);
    expect(await carrier()).to.deep.equal([[nextKey, allowedIps]]);
  });

  it("is not announced into another's place: a next key that is somebody's present one is passed over", () => {
    const thief: MeshMember = { index: 3, wireguardKey: publicKeyOf(testKey(3)), nextKey: oldKey };
    const { peers } = meshWish({
      addressPlan,
      selfIndex: 1,
      peers: [{ index: 2, wireguardKey: oldKey }, thief],
      unheard: [],
      privateKey: testKey(1),
      publicKey: publicKeyOf(testKey(1)),
      listenPort: 51_820,
    });
    expect(peers).to.have.length(2);
    expect(peers.find(({ publicKey }) => publicKey === oldKey)?.allowedIps).to.deep.equal(allowedIps);
  });
});
