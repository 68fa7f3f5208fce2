import { expect } from "chai";
import fc from "fast-check";
import { WireGuardError, type DeviceChange, type DeviceState, type PeerChange } from "@cluster-os/mesh";
import { concatBytes, toHex } from "@cluster-os/std";
import { formatAddress, parseAddress } from "../src/address.ts";
import { encodeChange, zonesOf } from "../src/configure.ts";
import { KernelWireGuard } from "../src/index.ts";
import { attribute, readAttributes } from "../src/netlink/attributes.ts";
import { NetlinkError, NetlinkFormatError } from "../src/netlink/errors.ts";
import { encodeMessage, readMessages, readOutcome } from "../src/netlink/message.ts";
import { deviceState, parseDevice } from "../src/parse.ts";
import { encodeSocketAddress, readEndpoint, readSocketAddress } from "../src/socket-address.ts";
import { WG_KEY_LEN } from "../src/uapi.ts";
import { FakeKernel } from "./fake/kernel.ts";
import {
  dumpDevice,
  modelDevice,
  setDevice,
  type ModelDevice,
  type ModelPeer,
} from "./fake/wireguard-model.ts";

const ETH0 = 2;
const indexOf = (zone: string): number | undefined => (zone === "eth0" ? ETH0 : undefined);
const zoneOf = (index: number): string | undefined => (index === ETH0 ? "eth0" : undefined);

const key = fc.uint8Array({ minLength: WG_KEY_LEN, maxLength: WG_KEY_LEN });
const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const network = fc.oneof(
  fc.record({ family: fc.constant(2), address: v4, prefix: fc.nat(32) }),
  fc.record({ family: fc.constant(10), address: v6, prefix: fc.nat(128) }),
);
/** Addresses that are spelled one way only: no IPv4 in IPv6, no link-local ones. */
const socketAddress = fc.oneof(
  fc.record({ address: v4, port: fc.integer({ min: 1, max: 65_535 }), scopeId: fc.constant(0) }),
  fc.record({
    address: v6.map((bytes) => bytes.with(0, 0x20)),
    port: fc.integer({ min: 1, max: 65_535 }),
    scopeId: fc.constant(0),
  }),
  fc.record({
    address: v6.map((bytes) => bytes.with(0, 0xfe).with(1, 0x80)),
    port: fc.integer({ min: 1, max: 65_535 }),
    scopeId: fc.constantFrom(ETH0, 7),
  }),
);
const modelPeer: fc.Arbitrary<ModelPeer> = fc.record({
  publicKey: key,
  socketAddress: fc.option(socketAddress.map(encodeSocketAddress), { nil: new Uint8Array() }),
  keepaliveS: fc.nat(65_535),
  handshake: fc.record({
    seconds: fc.bigInt({ min: 0n, max: 2n ** 34n }),
    nanoseconds: fc.bigInt({ min: 0n, max: 999_999_999n }),
  }),
  rxBytes: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
  txBytes: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
  allowedIps: fc.array(network, { maxLength: 12 }),
});
const modelOf = fc
  .record({
    privateKey: fc.option(key, { nil: undefined }),
    listenPort: fc.nat(65_535),
    peers: fc.uniqueArray(modelPeer, { selector: ({ publicKey }) => toHex(publicKey), maxLength: 8 }),
  })
  .map(({ privateKey, listenPort, peers }): ModelDevice => ({
    index: 3,
    name: "cos0",
    ...(privateKey && { privateKey, publicKey: privateKey.map((byte) => byte ^ 0xff) }),
    listenPort,
    peers: new Map(peers.map((peer) => [toHex(peer.publicKey), peer])),
  }));

/** The model in the words of the mesh, by another way than through bytes. */
function stateOf({ name, publicKey, listenPort, peers }: ModelDevice): DeviceState {
  return {
    name,
    ...(publicKey && { publicKey }),
    listenPort,
    peers: [...peers.values()].map((peer) => {
      const handshakeMs = Number(peer.handshake.seconds * 1000n + peer.handshake.nanoseconds / 1_000_000n);
      const at = peer.socketAddress?.length ? readSocketAddress(peer.socketAddress) : undefined;
      const zone = at?.scopeId ? `%${zoneOf(at.scopeId) ?? at.scopeId}` : "";
      const host =
        at && (at.address.length === 4 ? formatAddress(at.address) : `[${formatAddress(at.address)}${zone}]`);
      return {
        publicKey: peer.publicKey,
        ...(at && { endpoint: `${host}:${at.port}` }),
        allowedIps: peer.allowedIps.map(({ address, prefix }) => `${formatAddress(address)}/${prefix}`),
        ...(peer.keepaliveS > 0 && { persistentKeepaliveS: peer.keepaliveS }),
        ...(handshakeMs > 0 && { latestHandshakeMs: handshakeMs }),
        rxBytes: Number(peer.rxBytes),
        txBytes: Number(peer.txBytes),
      };
    }),
  };
}

describe("properties of the bytes", () => {
  it("whatever the kernel's model tells, in parts of any size, is read as it is", () => {
    fc.assert(
      fc.property(modelOf, fc.integer({ min: 300, max: 4_000 }), (model, limit) => {
        const parts = dumpDevice(model, limit);
        expect(deviceState(parseDevice(parts), zoneOf)).to.deep.equal(stateOf(model));
      }),
    );
  });

  it("a change says the same in one message and in many", () => {
    fc.assert(
      fc.property(change, fc.integer({ min: 400, max: 1_500 }), (wanted, limit) => {
        const whole = modelDevice(3, "cos0");
        const split = modelDevice(3, "cos0");
        const once = encodeChange("cos0", wanted, { indexOf });
        const often = encodeChange("cos0", wanted, { indexOf, limit });
        for (const attributes of once) setDevice(whole, concatBytes(...attributes));
        for (const attributes of often) {
          const message = concatBytes(...attributes);
          expect(message.length).to.be.at.most(limit);
          setDevice(split, message);
        }
        expect(once).to.have.length(1);
        expect(stateOf(split)).to.deep.equal(stateOf(whole));
      }),
    );
  });

  it("a peer that is removed between two messages does not come back with the second", () => {
    const allowedIps = Array.from({ length: 20 }, (_, at) => `10.0.0.${at}/32`);
    const publicKey = new Uint8Array(WG_KEY_LEN).fill(1);
    const peers = [{ kind: "set-peer" as const, publicKey, allowedIps }];
    const [first = [], ...others] = encodeChange("cos0", { peers }, { indexOf, limit: 600 });
    const device = modelDevice(3, "cos0");
    setDevice(device, concatBytes(...first));
    expect(device.peers.size).to.equal(1);
    device.peers.clear();
    expect(others).not.to.have.length(0);
    for (const attributes of others) setDevice(device, concatBytes(...attributes));
    expect(device.peers.size).to.equal(0);
  });

  it("addresses come back from their bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(v4, v6),
        (bytes) => void expect(parseAddress(formatAddress(bytes))).to.deep.equal(bytes),
      ),
    );
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), (text) => void parseAddress(text)));
  });

  it("endpoints and socket addresses come back", () => {
    fc.assert(
      fc.property(socketAddress, (given) => {
        expect(readSocketAddress(encodeSocketAddress(given))).to.deep.equal(given);
        const zone = given.scopeId === 0 ? "" : `%${zoneOf(given.scopeId) ?? given.scopeId}`;
        const host = formatAddress(given.address);
        const text = given.address.length === 4 ? host : `[${host}${zone}]`;
        const read = readEndpoint(`${text}:${given.port}`);
        expect(read).to.deep.include({ address: given.address, port: given.port });
      }),
    );
  });

  it("attributes and messages come back", () => {
    const entries = fc.array(fc.record({ type: fc.nat(0x3fff), payload: fc.uint8Array({ maxLength: 50 }) }));
    fc.assert(
      fc.property(entries, (given) => {
        const bytes = concatBytes(...given.map(({ type, payload }) => attribute(type, payload)));
        expect(readAttributes(bytes).map(plain)).to.deep.equal(given.map(plain));
      }),
    );
    const header = { type: fc.nat(0xffff), flags: fc.nat(0xffff), sequence: fc.nat(0xffffffff) };
    const messages = fc.array(fc.record({ ...header, payload: fc.uint8Array({ maxLength: 50 }) }));
    fc.assert(
      fc.property(messages, (given) => {
        const read = readMessages(concatBytes(...given.map(encodeMessage)));
        expect(read.map(plain)).to.deep.equal(given.map(plain));
      }),
    );
  });
});

describe("garbage", () => {
  /** Bytes, and real ones that were damaged: what passes the first checks gets further. */
  const damaged = fc
    .tuple(modelOf, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.nat())
    .map(([model, changes, cut]) => {
      const bytes = concatBytes(...dumpDevice(model, 4_000));
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
    });
  const garbage = fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged);

  const harmless = (act: () => unknown): void => {
    try {
      act();
    } catch (error) {
      expect(error).to.be.instanceOf(NetlinkFormatError);
      expect((error as Error).message.length).to.be.lessThan(120);
    }
  };

  it("is a device, or an error by name", () => {
    fc.assert(
      fc.property(garbage, (bytes) => harmless(() => deviceState(parseDevice([bytes]), zoneOf))),
      { numRuns: 1000 },
    );
  });

  it("is messages and outcomes, or an error by name", () => {
    fc.assert(
      fc.property(garbage, (bytes) =>
        harmless(() => readMessages(bytes).map((message) => readOutcome(message))),
      ),
      { numRuns: 1000 },
    );
  });

  it("from a socket ends every call with an error, and leaves no socket open", async () => {
    const links = [{ index: 3, name: "cos0", kind: "wireguard" }];
    const property = fc.asyncProperty(garbage, fc.nat(4), async (bytes, after) => {
      const kernel = new FakeKernel({ links });
      let answers = 0;
      const device = new KernelWireGuard({
        open: (protocol) => {
          const socket = kernel.open(protocol);
          const receive = (timeoutMs: number): Promise<Uint8Array> => {
            answers += 1;
            return answers > after ? Promise.resolve(new Uint8Array(bytes)) : socket.receive(timeoutMs);
          };
          return { ...socket, receive };
        },
      });
      const calls = [
        () => device.list(),
        () => device.get("cos0"),
        () => device.configure("cos0", { peers: [] }),
      ];
      for (const call of calls) {
        answers = 0;
        const result = await call().then(
          () => undefined,
          (error: unknown) => error,
        );
        if (result !== undefined) expect(result).to.be.instanceOf(WireGuardError);
      }
      expect(kernel.openCount).to.equal(0);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it("of error numbers has a text", () => {
    fc.assert(
      fc.property(fc.integer(), (errno) => void expect(new NetlinkError(errno).message).to.match(/\w/)),
    );
  });
});

const cidr = network.map(({ address, prefix }) => `${formatAddress(address)}/${prefix}`);
const peerChange: fc.Arbitrary<PeerChange> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record(
      {
        kind: fc.constant("set-peer" as const),
        publicKey: fc.nat(5).map((byte) => new Uint8Array(WG_KEY_LEN).fill(byte)),
        endpoint: fc.constantFrom("10.0.0.7:51820", "[2001:db8::7]:1", "[fe80::7%eth0]:51820"),
        allowedIps: fc.array(cidr, { maxLength: 40 }),
        persistentKeepaliveS: fc.nat(65_535),
      },
      { requiredKeys: ["kind", "publicKey"], noNullPrototype: true },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("remove-peer" as const),
      publicKey: fc.nat(5).map((byte) => new Uint8Array(WG_KEY_LEN).fill(byte)),
    }),
  },
);
const change: fc.Arbitrary<DeviceChange> = fc.record(
  {
    privateKey: key,
    listenPort: fc.nat(65_535),
    peers: fc.array(peerChange, { maxLength: 8 }),
  },
  { requiredKeys: ["peers"], noNullPrototype: true },
);

describe("zones", () => {
  it("are those of the endpoints", () => {
    fc.assert(
      fc.property(change, (wanted) => {
        const isThere = wanted.peers.some(
          (peer) => peer.kind === "set-peer" && peer.endpoint?.includes("%eth0"),
        );
        expect([...zonesOf(wanted)]).to.deep.equal(isThere ? ["eth0"] : []);
      }),
    );
  });
});

/** Without the prototype of what held it. */
function plain<T extends { readonly payload: Uint8Array }>(entry: T): object {
  return { ...entry, payload: toHex(entry.payload) };
}
