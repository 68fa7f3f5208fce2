import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect } from "chai";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";
import {
  chooseAddressPlan,
  InMemoryWireGuard,
  meshAddress,
  meshWish,
  planDevice,
  planLink,
} from "../src/index.ts";
import { UserspaceWireGuard } from "../src/drivers/index.ts";
import { describeWireGuardDevice } from "./device.contract.ts";
import { buildWireGuardGo, ip, Lan, whyNotHere } from "./lan.ts";

/** X25519's public key, by OpenSSL. */
function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  const prefix = Buffer.from("302e020100300506032b656e04220420", "hex");
  const key = createPrivateKey({ key: Buffer.concat([prefix, privateKey]), format: "der", type: "pkcs8" });
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32));
}

const open = () => new UserspaceWireGuard({ socketFolder: "/var/run/wireguard", publicKeyOf });

describeWireGuardDevice("in memory", () => {
  return Promise.resolve({ device: new InMemoryWireGuard(["cos0"], publicKeyOf), name: "cos0" });
});

const obstacle = await whyNotHere();
if (obstacle !== undefined) {
  it(`real WireGuard is not tested: ${obstacle}`);
} else {
  let lan: Lan | undefined;
  let program = "";
  before(async function () {
    this.timeout(300_000);
    program = await buildWireGuardGo();
  });
  after(() => lan?.[Symbol.asyncDispose]());

  describeWireGuardDevice("wireguard-go", async () => {
    lan = await Lan.open(1, program);
    return { device: open(), name: lan.machines[0]?.device ?? "" };
  });

  describe("mesh of real interfaces", () => {
    it("carries packets between planned peers over link-local addresses alone, and then settles", async function () {
      this.timeout(60_000);
      await using cable = await Lan.open(3, program);
      const addressPlan = chooseAddressPlan([]);
      const nodes = cable.machines.map((machine, at) => {
        const privateKey = new Uint8Array(32).fill(at + 1);
        privateKey[31] = 64;
        privateKey[0] = 8 * (at + 1);
        return { ...machine, index: at + 1, privateKey, publicKey: publicKeyOf(privateKey) };
      });
      const peers = nodes.map(({ index, publicKey, linkLocal }) => ({
        index,
        wireguardKey: publicKey,
        endpoint: `[${linkLocal}%eth0]:51820`,
      }));
      const device = open();
      const planOf = async (node: (typeof nodes)[number]) => {
        const wish = meshWish({ addressPlan, selfIndex: node.index, peers, ...node, listenPort: 51820 });
        return planDevice(await device.get(node.device), wish, Date.now());
      };
      for (const node of nodes) {
        const change = await planOf(node);
        if (change) await device.configure(node.device, change);
        await raise(node.namespace, node.device, addressPlan, node.index);
      }
      for (const from of nodes) {
        for (const to of nodes.filter((other) => other !== from)) {
          await ping(from.namespace, meshAddress(addressPlan, to.index));
        }
        expect(await planOf(from)).to.equal(undefined);
        const handshakes = (await device.get(from.device)).peers.filter(
          (peer) => peer.latestHandshakeMs !== undefined,
        );
        expect(handshakes).to.have.length(2);
      }
    });
  });
}

/** Address, MTU and routes as planned; `ip` runs in the namespace, which IpLink by design does not know. */
async function raise(
  namespace: string,
  device: string,
  addressPlan: ReturnType<typeof chooseAddressPlan>,
  selfIndex: number,
) {
  const fresh = { isUp: false, mtu: 0, addresses: [], routes: [] };
  for (const action of planLink(fresh, { addressPlan, selfIndex, mtu: 1420 })) {
    if (action.kind === "set-mtu")
      await ip("-n", namespace, "link", "set", device, "mtu", String(action.mtu));
    if (action.kind === "add-address")
      await ip("-n", namespace, "address", "add", action.address, "dev", device);
    if (action.kind === "set-up") await ip("-n", namespace, "link", "set", device, "up");
    if (action.kind === "set-route") {
      await ip("-n", namespace, "route", "replace", action.destination, "dev", device, "src", action.source);
    }
  }
}

async function ping(namespace: string, address: string): Promise<void> {
  const once = () =>
    execa("ip", ["netns", "exec", namespace, "ping", "-c", "1", "-W", "1", address]).then(() => true);
  await waitFor(once, { what: `an answer from ${address}`, timeoutMs: 15_000 });
}
