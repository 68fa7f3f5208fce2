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
  type DeviceChange,
  type DeviceState,
  type LinkAction,
  type LinkState,
  type MeshMember,
  type PeerState,
  type PeerWish,
} from "../src/index.ts";

const addressPlan = chooseAddressPlan([]);
const NOW = 1_800_000_000_000;
const keyOf = (text: string): Uint8Array => new Uint8Array(createHash("sha256").update(text).digest());
const publicKeyOf = (privateKey: Uint8Array): Uint8Array => keyOf(toHex(privateKey));
const privateKey = keyOf("private");
const wishOf = (peers: readonly MeshMember[], unheard: readonly number[] = []) =>
  meshWish({
    addressPlan,
    selfIndex: 1,
    peers,
    unheard,
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
    const [peer] = wishOf([unknown]).peers;
    expect(peer?.allowedIps[0]).to.equal("10.86.0.2/32");
    expect(peer).not.to.have.property("endpoint");
  });
  it("does not let one member's words spoil the others' change", () => {
    const wish = wishOf([
      member(2, { wireguardKey: publicKeyOf(privateKey) }),
      member(3, { wireguardKey: new Uint8Array(31) }),
      member(4, { endpoint: "nowhere" }),
      member(5, { endpoint: "[fe80::5]:51820" }),
      member(6, { endpoint: "[FE80::0006%eth0]:51820" }),
    ]);
    const endpoints = new Map(wish.peers.map(({ allowedIps, endpoint }) => [allowedIps[0], endpoint]));
    expect(endpoints).to.deep.equal(
      new Map([
        ["10.86.0.4/32", undefined],
        ["10.86.0.5/32", undefined],
        ["10.86.0.6/32", "[fe80::6%eth0]:51820"],
      ]),
    );
  });
});

describe("planDevice", () => {
  it("settles, and on what was asked, from any state", async () => {
    await fc.assert(
      fc.asyncProperty(anyChange, anyMembers, async (before, after) => {
        const device = new InMemoryWireGuard(["cos0"], publicKeyOf);
        await device.configure("cos0", before);
        await applied(after, device);
        const state = await device.get("cos0");
        const wish = wishOf(after);
        expect(planDevice(state, wish, NOW)).to.equal(undefined);
        expect(state).to.deep.include({ publicKey: wish.publicKey, listenPort: wish.listenPort });
        expect(state.peers.map(comparable)).to.have.deep.members(
          wish.peers.map((peer) => {
            const present = state.peers.find(({ publicKey }) => toHex(publicKey) === toHex(peer.publicKey));
            // Where the wish knows no endpoint, whatever the device knows stays.
            return comparable({
              ...(present?.endpoint !== undefined && { endpoint: present.endpoint }),
              ...peer,
            });
          }),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("touches only the peer that flaps", async () => {
    const device = await applied([member(2), member(3), member(4)]);
    const change = planDevice(await device.get("cos0"), wishOf([member(2), member(4)]), NOW);
    expect(change?.peers).to.deep.equal([{ kind: "remove-peer", publicKey: keyOf("key 3") }]);
  });

  it("leaves the peers alone of which a restarted process has heard nothing yet", async () => {
    const device = await applied([member(2), member(3), member(4)]);
    const change = planDevice(await device.get("cos0"), wishOf([member(2)], [3, 7]), NOW);
    expect(change?.peers).to.deep.equal([{ kind: "remove-peer", publicKey: keyOf("key 4") }]);
  });

  it("removes one that has the addresses of more than one node, heard of or not", async () => {
    const device = await applied([member(2)]);
    const allowedIps = ["10.86.0.3/32", "10.86.0.4/32"];
    await device.configure("cos0", {
      peers: [{ kind: "set-peer", publicKey: keyOf("key 3"), allowedIps }],
    });
    const change = planDevice(await device.get("cos0"), wishOf([member(2)], [3]), NOW);
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

  const wished = "[fe80::2%eth0]:51820";
  const roamed = "[fe80::99%eth0]:51820";
  const endpoints: {
    name: string;
    observed: string | undefined;
    handshakeAgoMs: number | undefined;
    /** The endpoint that was wished last; "none" where it was not known then. */
    previous?: string;
    writes: boolean;
  }[] = [
    {
      name: "leaves a roamed endpoint alone while its session lives",
      observed: roamed,
      handshakeAgoMs: 60_000,
      writes: false,
    },
    {
      name: "and again when the wish did not move",
      observed: roamed,
      handshakeAgoMs: 60_000,
      previous: wished,
      writes: false,
    },
    {
      name: "writes the endpoint at once when gossip has a new one",
      observed: roamed,
      handshakeAgoMs: 60_000,
      previous: "[fe80::8%eth0]:51820",
      writes: true,
    },
    {
      name: "leaves a peer that called alone when gossip learns its first address",
      observed: roamed,
      handshakeAgoMs: 60_000,
      previous: "none",
      writes: false,
    },
    {
      name: "writes nothing when gossip moved to where the peer roamed",
      observed: wished,
      handshakeAgoMs: 60_000,
      previous: roamed,
      writes: false,
    },
    {
      name: "writes the endpoint of a peer that fell silent",
      observed: roamed,
      handshakeAgoMs: 200_000,
      writes: true,
    },
    {
      name: "writes the endpoint of a peer never heard",
      observed: roamed,
      handshakeAgoMs: undefined,
      writes: true,
    },
    {
      name: "writes an endpoint where there is none",
      observed: undefined,
      handshakeAgoMs: 60_000,
      writes: true,
    },
    {
      name: "writes it after the clock was set back",
      observed: roamed,
      handshakeAgoMs: -3_600_000,
      writes: true,
    },
    {
      name: "leaves it alone under a clock that runs a little behind",
      observed: roamed,
      handshakeAgoMs: -1_000,
      writes: false,
    },
    {
      name: "writes nothing to a silent peer that has it",
      observed: wished,
      handshakeAgoMs: undefined,
      writes: false,
    },
    {
      name: "knows the endpoint in another spelling",
      observed: "[fe80:0::2%eth0]:51820",
      handshakeAgoMs: undefined,
      writes: false,
    },
  ];
  for (const { name, observed, handshakeAgoMs, previous, writes } of endpoints) {
    it(name, async () => {
      const state = await (await applied([member(2)])).get("cos0");
      const peers = state.peers.map(({ endpoint: _endpoint, ...peer }) => ({
        ...peer,
        ...(observed !== undefined && { endpoint: observed }),
        ...(handshakeAgoMs !== undefined && { latestHandshakeMs: NOW - handshakeAgoMs }),
      }));
      const { endpoint: _endpoint, ...unknown } = member(2);
      const before =
        previous === "none" ? unknown : { ...unknown, ...(previous !== undefined && { endpoint: previous }) };
      const change = planDevice(
        { ...state, peers },
        wishOf([member(2)]),
        NOW,
        previous === undefined ? undefined : wishOf([before]),
      );
      expect(change?.peers).to.deep.equal(
        writes ? [{ kind: "set-peer", publicKey: keyOf("key 2"), endpoint: wished }] : undefined,
      );
    });
  }

  it("never asks for a peer with a known endpoint to lose it", async () => {
    const { endpoint: _endpoint, ...unknown } = member(2);
    expect(planDevice(await (await applied([member(2)])).get("cos0"), wishOf([unknown]), NOW)).to.equal(
      undefined,
    );
  });

  it("changes this machine's own key and port without a word of the peers", async () => {
    const state = await (await applied([member(2)])).get("cos0");
    const change = planDevice({ ...state, publicKey: keyOf("old"), listenPort: 7 }, wishOf([member(2)]), NOW);
    expect(change).to.deep.equal({ privateKey, listenPort: 51820, peers: [] });
  });

  it("writes one peer of a thousand", async () => {
    const peers = Array.from({ length: 1000 }, (_, at) => member(at + 2));
    const device = await applied(peers);
    const without = peers.filter(({ index }) => index !== 500);
    expect(planDevice(await device.get("cos0"), wishOf(without), NOW)?.peers).to.deep.equal([
      { kind: "remove-peer", publicKey: keyOf("key 500") },
    ]);
  });

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

const someEndpoint = fc.constantFrom("10.0.0.7:51820", "[fe80::7%eth0]:51820", "[2001:db8::7]:51820");
const someKey = fc.integer({ min: 1, max: 12 }).map((number) => keyOf(`key ${number}`));
const anyMembers: fc.Arbitrary<MeshMember[]> = fc.uniqueArray(
  fc.record(
    { index: fc.integer({ min: 1, max: 9 }), wireguardKey: someKey, endpoint: someEndpoint },
    { requiredKeys: ["index", "wireguardKey"] },
  ),
  { selector: ({ index }) => index },
);
const someNetworks = fc.integer({ min: 1, max: 9 }).chain((index) => {
  return fc.subarray([`10.86.0.${index}/32`, `10.112.${index}.0/24`, "192.168.0.0/16"]);
});
/** What made the device as it is found: by an older version, by hand, or half carried out. */
const anyChange: fc.Arbitrary<DeviceChange> = fc.record(
  {
    privateKey: fc.constantFrom(privateKey, keyOf("other private")),
    listenPort: fc.constantFrom(51820, 1),
    peers: fc.array(
      fc.record(
        {
          kind: fc.constant("set-peer" as const),
          publicKey: someKey,
          endpoint: someEndpoint,
          allowedIps: someNetworks,
          persistentKeepaliveS: fc.constantFrom(1, 25),
        },
        { requiredKeys: ["kind", "publicKey"] },
      ),
    ),
  },
  { requiredKeys: ["peers"] },
);

function comparable(peer: PeerState | PeerWish): object {
  const { publicKey, endpoint, allowedIps, persistentKeepaliveS } = peer;
  return { publicKey: toHex(publicKey), endpoint, allowedIps: [...allowedIps].sort(), persistentKeepaliveS };
}
