import { createHash } from "node:crypto";
import { expect } from "chai";
import { toHex } from "@cluster-os/std";
import {
  chooseAddressPlan,
  meshWish,
  parseEndpoint,
  planDevice,
  WireGuardError,
  type WireGuardDevice,
} from "../src/index.ts";

export interface DeviceUnderTest {
  readonly device: WireGuardDevice;
  /** An interface that was just made and has no settings yet. */
  readonly name: string;
}

const key = (byte: number): Uint8Array => {
  const bytes = new Uint8Array(32).fill(byte);
  // Clamped as X25519 wants it (RFC 7748 section 5), so that every implementation reports the same key.
  bytes[0] = (bytes[0] as number) & 248;
  bytes[31] = ((bytes[31] as number) & 127) | 64;
  return bytes;
};

/** What every WireGuardDevice does, whatever carries it. */
export function describeWireGuardDevice(name: string, open: () => Promise<DeviceUnderTest>): void {
  describe(`WireGuardDevice: ${name}`, () => {
    let subject: DeviceUnderTest;
    before(async function () {
      this.timeout(120_000);
      subject = await open();
    });
    const get = () => subject.device.get(subject.name);
    const peerOf = async (byte: number) =>
      (await get()).peers.find(({ publicKey }) => toHex(publicKey) === toHex(key(byte)));

    it("lists the interface, which has nothing yet", async () => {
      expect(await subject.device.list()).to.include(subject.name);
      const state = await get();
      expect(state.peers).to.deep.equal([]);
      expect(state).not.to.have.property("publicKey");
    });

    it("takes a key, a port and peers in one change", async () => {
      const allowedIps = ["10.86.0.2/32", "10.112.2.0/24"];
      const endpoint = "127.0.0.1:51999";
      await subject.device.configure(subject.name, {
        privateKey: key(7),
        listenPort: 51998,
        peers: [
          { kind: "set-peer", publicKey: key(2), endpoint, allowedIps, persistentKeepaliveS: 25 },
          { kind: "set-peer", publicKey: key(3), allowedIps: ["10.86.0.3/32"] },
        ],
      });
      const state = await get();
      expect(state.listenPort).to.equal(51998);
      expect(state.publicKey).to.have.length(32);
      expect(await peerOf(2)).to.include({ endpoint, persistentKeepaliveS: 25 });
      expect((await peerOf(2))?.allowedIps).to.have.members(allowedIps);
      expect(await peerOf(3)).not.to.have.any.keys("endpoint", "persistentKeepaliveS", "latestHandshakeMs");
    });

    it("changes what is named and leaves the rest", async () => {
      await subject.device.configure(subject.name, {
        peers: [{ kind: "set-peer", publicKey: key(3), endpoint: "127.0.0.1:51997" }],
      });
      expect((await peerOf(3))?.allowedIps).to.deep.equal(["10.86.0.3/32"]);
      expect(await peerOf(2)).to.include({ endpoint: "127.0.0.1:51999" });
      expect((await get()).listenPort).to.equal(51998);
    });

    it("moves an allowed address to the peer that got it last", async () => {
      await subject.device.configure(subject.name, {
        peers: [{ kind: "set-peer", publicKey: key(3), allowedIps: ["10.86.0.3/32", "10.112.2.0/24"] }],
      });
      expect((await peerOf(2))?.allowedIps).to.deep.equal(["10.86.0.2/32"]);
    });

    it("carries out the changes of one call in their order, so that a rotated key takes over", async () => {
      await subject.device.configure(subject.name, {
        peers: [
          { kind: "remove-peer", publicKey: key(3) },
          { kind: "set-peer", publicKey: key(4), allowedIps: ["10.86.0.3/32", "10.112.2.0/24"] },
          { kind: "set-peer", publicKey: key(3), allowedIps: ["10.86.0.4/32"] },
        ],
      });
      expect((await peerOf(4))?.allowedIps).to.have.members(["10.86.0.3/32", "10.112.2.0/24"]);
      expect((await peerOf(3))?.allowedIps).to.deep.equal(["10.86.0.4/32"]);
      expect(await peerOf(3)).not.to.have.property("endpoint");
    });

    it("reports an endpoint as it was given: plain, link-local with its interface", async () => {
      for (const endpoint of ["10.0.0.7:51820", "[2001:db8::7]:51820", "[fe80::7%eth0]:51820"]) {
        const change = { kind: "set-peer" as const, publicKey: key(3), endpoint };
        await subject.device.configure(subject.name, { peers: [change] });
        expect((await peerOf(3))?.endpoint).to.equal(endpoint);
        expect(parseEndpoint(endpoint)).to.equal(endpoint);
      }
    });

    it("passes over a peer with its own key", async () => {
      const { publicKey } = await get();
      await subject.device.configure(subject.name, {
        peers: [{ kind: "set-peer", publicKey: publicKey as Uint8Array, allowedIps: ["10.86.0.9/32"] }],
      });
      expect((await get()).peers.map((peer) => toHex(peer.publicKey))).to.have.members(
        [key(2), key(3), key(4)].map(toHex),
      );
    });

    it("takes a new key of its own and keeps the peers", async () => {
      const before = await get();
      await subject.device.configure(subject.name, { privateKey: key(8), peers: [] });
      const after = await get();
      expect(after.publicKey).not.to.deep.equal(before.publicKey);
      expect(after.peers.map(({ publicKey }) => toHex(publicKey))).to.have.members(
        before.peers.map(({ publicKey }) => toHex(publicKey)),
      );
    });

    it("refuses an endpoint that is none, by name", async () => {
      const peers = [{ kind: "set-peer" as const, publicKey: key(3), endpoint: "nowhere" }];
      const failure = await subject.device
        .configure(subject.name, { peers })
        .catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(WireGuardError);
      expect((failure as Error).message).to.include(subject.name);
    });

    it("removes a peer; removing it again is no error", async () => {
      for (let times = 0; times < 2; times += 1) {
        await subject.device.configure(subject.name, { peers: [{ kind: "remove-peer", publicKey: key(2) }] });
        expect(await peerOf(2)).to.equal(undefined);
      }
      expect((await get()).peers).to.have.length(2);
    });

    it("takes a peer with more allowed addresses than a message of the kernel holds, and then fewer", async () => {
      const many = [
        "fd86::/48",
        ...Array.from({ length: 3000 }, (_, at) => `10.87.${at >> 8}.${at & 255}/32`),
      ].sort();
      for (const allowedIps of [many, many.slice(0, 2)]) {
        const peers = [{ kind: "set-peer" as const, publicKey: key(5), allowedIps }];
        await subject.device.configure(subject.name, { peers });
        expect([...((await peerOf(5))?.allowedIps ?? [])].sort().join()).to.equal(allowedIps.join());
      }
      expect((await get()).peers).to.have.length(3);
    });

    it("names an interface that does not exist", async () => {
      const failure = await subject.device.get("none0").catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(WireGuardError);
      expect((failure as Error).message).to.include("none0");
    });

    it("is as wished after one change, a thousand peers included", async () => {
      const { publicKey = key(8), listenPort } = await get();
      const peers = Array.from({ length: 1000 }, (_, at) => ({
        index: at + 2,
        wireguardKey: new Uint8Array(createHash("sha256").update(String(at)).digest()),
        endpoint: `[fe80::${(at + 2).toString(16)}%eth0]:51820`,
      }));
      const own = { privateKey: key(8), publicKey, listenPort };
      const wish = meshWish({ addressPlan: chooseAddressPlan([]), selfIndex: 1, peers, unheard: [], ...own });
      const change = planDevice(await get(), wish, 0);
      await subject.device.configure(subject.name, change ?? { peers: [] });
      const state = await get();
      expect(state.peers).to.have.length(1000);
      expect(planDevice(state, wish, 0)).to.equal(undefined);
    });

    it("removes the interface; removing it again is no error", async () => {
      await subject.device.remove(subject.name);
      await subject.device.remove(subject.name);
      expect(await subject.device.list()).not.to.include(subject.name);
    });
  });
}
