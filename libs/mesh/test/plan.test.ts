import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { toHex } from "@cluster-os/std";
import {
  chooseAddressPlan,
  InMemoryWireGuard,
  meshMtu,
  meshWish,
  planDevice,
  planLink,
  type DeviceState,
  type LinkAction,
  type LinkState,
  type MeshMember,
} from "../src/index.ts";

const addressPlan = chooseAddressPlan([]);
const NOW = 1_800_000_000_000;
const keyOf = (text: string): Uint8Array => new Uint8Array(createHash("sha256").update(text).digest());
const publicKeyOf = (privateKey: Uint8Array): Uint8Array => keyOf(toHex(privateKey));
const privateKey = keyOf("private");
const wishOf = (peers: readonly MeshMember[]) =>
  meshWish({
    addressPlan,
    selfIndex: 1,
    peers,
    privateKey,
    publicKey: publicKeyOf(privateKey),
    listenPort: 51820,
  });
const member = (index: number, more: Partial<MeshMember> = {}): MeshMember => ({
  index,
  wireguardKey: keyOf(`key ${index}`),
  endpoint: `[fe80::${index}%eth0]:51820`,
  ...more,
});

async function applied(peers: readonly MeshMember[], device = new InMemoryWireGuard(["cos0"], publicKeyOf)) {
  const change = planDevice(await device.get("cos0"), wishOf(peers), NOW);
  if (change) await device.configure("cos0", change);
  return device;
}

describe("meshWish", () => {
  it("lets each peer use its own address and pod network, and nothing else", () => {
    expect(wishOf([member(2)]).peers[0]?.allowedIps).to.deep.equal(["10.86.0.2/32", "10.112.2.0/24"]);
  });
  it("leaves this machine out, and a key that a second member shows", () => {
    const wish = wishOf([member(1), member(2), member(3, { wireguardKey: keyOf("key 2") })]);
    expect(wish.peers.map(({ allowedIps }) => allowedIps[0])).to.deep.equal(["10.86.0.2/32"]);
  });
  it("lists a peer whose endpoint is not known", () => {
    const { endpoint: _endpoint, ...unknown } = member(2);
    expect(wishOf([unknown]).peers).to.have.length(1);
  });
});

describe("planDevice", () => {
  it("settles, and on what was asked, from any state", async () => {
    const peers = fc.uniqueArray(
      fc.record({
        index: fc.integer({ min: 1, max: 9 }),
        wireguardKey: fc.integer({ min: 1, max: 12 }).map((n) => keyOf(`${n}`)),
      }),
      { selector: ({ index }) => index },
    );
    await fc.assert(
      fc.asyncProperty(peers, peers, async (before, after) => {
        const device = await applied(after, await applied(before));
        expect(planDevice(await device.get("cos0"), wishOf(after), NOW)).to.equal(undefined);
        const wished = wishOf(after).peers.map(({ publicKey, allowedIps }) => [toHex(publicKey), allowedIps]);
        const present = (await device.get("cos0")).peers.map(({ publicKey, allowedIps }) => [
          toHex(publicKey),
          allowedIps,
        ]);
        expect(present).to.have.deep.members(wished);
      }),
    );
  });

  it("touches only the peer that flaps", async () => {
    const device = await applied([member(2), member(3), member(4)]);
    const change = planDevice(await device.get("cos0"), wishOf([member(2), member(4)]), NOW);
    expect(change?.peers).to.deep.equal([{ kind: "remove-peer", publicKey: keyOf("key 3") }]);
  });

  it("removes a rotated key before it gives the addresses to the new one", async () => {
    const device = await applied([member(2)]);
    const change = planDevice(
      await device.get("cos0"),
      wishOf([member(2, { wireguardKey: keyOf("new") })]),
      NOW,
    );
    expect(change?.peers.map(({ kind }) => kind)).to.deep.equal(["remove-peer", "set-peer"]);
  });

  it("writes nothing for a thousand peers unchanged", async () => {
    const peers = Array.from({ length: 1000 }, (_, at) => member(at + 2));
    const device = await applied(peers);
    await applied(peers, device);
    expect(device.writeCount).to.equal(1);
  });

  const roamed = "[fe80::99%eth0]:51820";
  const sessions = [
    {
      name: "leaves a roamed endpoint alone while its session lives",
      latestHandshakeMs: NOW - 60_000,
      writes: false,
    },
    {
      name: "writes the endpoint of a peer that fell silent",
      latestHandshakeMs: NOW - 200_000,
      writes: true,
    },
    { name: "writes the endpoint of a peer never heard", latestHandshakeMs: undefined, writes: true },
  ];
  for (const { name, latestHandshakeMs, writes } of sessions) {
    it(name, async () => {
      const state = await (await applied([member(2)])).get("cos0");
      const peers = state.peers.map((peer) => ({
        ...peer,
        endpoint: roamed,
        ...(latestHandshakeMs !== undefined && { latestHandshakeMs }),
      }));
      const change = planDevice({ ...state, peers }, wishOf([member(2)]), NOW);
      const endpoint = "[fe80::2%eth0]:51820";
      expect(change?.peers).to.deep.equal(
        writes ? [{ kind: "set-peer", publicKey: keyOf("key 2"), endpoint }] : undefined,
      );
    });
  }

  it("gives a fresh device its key and port", () => {
    const fresh: DeviceState = { name: "cos0", listenPort: 0, peers: [] };
    expect(planDevice(fresh, wishOf([]), NOW)).to.deep.equal({ privateKey, listenPort: 51820, peers: [] });
  });
});

describe("planLink", () => {
  const wish = { addressPlan, selfIndex: 7, mtu: 1420 };
  const fresh: LinkState = { isUp: false, mtu: 1500, addresses: [], routes: [] };

  it("makes a fresh interface what it should be", () => {
    expect(planLink(fresh, wish)).to.deep.equal([
      { kind: "set-mtu", mtu: 1420 },
      { kind: "add-address", address: "10.86.0.7/32" },
      { kind: "set-up" },
      { kind: "set-route", destination: "10.86.0.0/16", source: "10.86.0.7" },
      { kind: "set-route", destination: "10.112.0.0/12", source: "10.86.0.7" },
      { kind: "set-route", destination: "10.87.0.0/16", source: "10.86.0.7" },
    ]);
  });

  it("settles from any state", () => {
    const route = fc.record({
      destination: fc.constantFrom("10.86.0.0/16", "10.9.0.0/16"),
      source: fc.constantFrom("10.86.0.7", "10.86.0.8"),
    });
    const state = fc.record({
      isUp: fc.boolean(),
      mtu: fc.constantFrom(1420, 1500),
      addresses: fc.uniqueArray(fc.constantFrom("10.86.0.7/32", "10.86.0.8/32")),
      routes: fc.uniqueArray(route, { selector: ({ destination }) => destination }),
    });
    fc.assert(
      fc.property(state, (before) => {
        expect(planLink(planLink(before, wish).reduce(act, before), wish)).to.deep.equal([]);
      }),
    );
  });
});

function act(state: LinkState, action: LinkAction): LinkState {
  const others = (destination: string) => state.routes.filter((route) => route.destination !== destination);
  switch (action.kind) {
    case "set-mtu":
      return { ...state, mtu: action.mtu };
    case "set-up":
      return { ...state, isUp: true };
    case "add-address":
      return { ...state, addresses: [...state.addresses, action.address] };
    case "remove-address":
      return { ...state, addresses: state.addresses.filter((address) => address !== action.address) };
    case "set-route":
      return {
        ...state,
        routes: [...others(action.destination), { destination: action.destination, source: action.source }],
      };
    case "remove-route":
      return { ...state, routes: others(action.destination) };
    default:
      return action satisfies never;
  }
}

describe("meshMtu", () => {
  const table: [string, number[], number][] = [
    ["ordinary Ethernet", [1500], 1420],
    ["the narrowest of several", [9000, 1500], 1420],
    ["jumbo frames", [9000], 8920],
    ["never below IPv6's least", [1300], 1280],
    ["no underlay yet", [], 1420],
  ];
  for (const [name, underlays, expected] of table) {
    it(name, () => {
      expect(meshMtu(underlays)).to.equal(expected);
    });
  }
});
