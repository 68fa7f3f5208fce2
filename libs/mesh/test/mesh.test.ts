import { expect } from "chai";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";
import {
  chooseAddressPlan,
  meshAddress,
  meshWish,
  planDevice,
  planLink,
  type DeviceChange,
  type MeshMember,
  type MeshWish,
} from "../src/index.ts";
import { IpLink, LinkError, UserspaceWireGuard } from "../src/drivers/index.ts";
import { publicKeyOf, testKey } from "./keys.ts";
import { buildWireGuardGo, ip, Lan, SOCKET_FOLDER, whyNotHere, type LanMachine } from "./lan.ts";

const addressPlan = chooseAddressPlan([]);
const device = new UserspaceWireGuard({ socketFolder: SOCKET_FOLDER, publicKeyOf });
const PORT = 51820;

/** One machine's share of the mesh, as bootstrap keeps it. */
class Node {
  readonly machine: LanMachine;
  readonly index: number;
  readonly link: IpLink;
  privateKey: Uint8Array;
  linkLocal: string;
  /** Announced, and not used yet. */
  nextKey: Uint8Array | undefined;
  #previous: MeshWish | undefined;

  constructor(machine: LanMachine, index: number) {
    this.machine = machine;
    this.index = index;
    this.link = new IpLink({ namespace: machine.namespace });
    this.privateKey = testKey(index);
    this.linkLocal = machine.linkLocal;
  }

  get address(): string {
    return meshAddress(addressPlan, this.index);
  }

  /** What it tells the others of itself. */
  get member(): MeshMember {
    const wireguardKey = publicKeyOf(this.privateKey);
    const nextKey = this.nextKey && publicKeyOf(this.nextKey);
    const endpoint = `[${this.linkLocal}%eth0]:${PORT}`;
    return { index: this.index, wireguardKey, ...(nextKey && { nextKey }), endpoint };
  }

  /** Brings the machine to what the members make of it. Gives the change that was needed. */
  async converge(members: readonly MeshMember[]): Promise<DeviceChange | undefined> {
    const { privateKey, machine, index } = this;
    const keys = { privateKey, publicKey: publicKeyOf(privateKey) };
    const wish = meshWish({
      addressPlan,
      selfIndex: index,
      peers: members,
      unheard: [],
      ...keys,
      listenPort: PORT,
    });
    const change = planDevice(await device.get(machine.device), wish, Date.now(), this.#previous);
    if (change) await device.configure(machine.device, change);
    this.#previous = wish;
    for (const action of await this.linkActions()) await this.link.act(machine.device, action);
    return change;
  }

  async linkActions() {
    return planLink(await this.link.observe(this.machine.device), {
      addressPlan,
      selfIndex: this.index,
      mtu: 1420,
    });
  }

  /** Waits for an answer through the mesh. The source is the one that the routes choose. */
  async reach(other: Node): Promise<void> {
    const ping = ["netns", "exec", this.machine.namespace, "ping", "-c", "1", "-W", "1", other.address];
    const once = () => execa("ip", ping).then(() => true);
    await waitFor(once, { what: `an answer from ${other.address}`, timeoutMs: 15_000 });
  }

  async stateOf(other: Node) {
    const key = Buffer.from(other.member.wireguardKey);
    return (await device.get(this.machine.device)).peers.find(({ publicKey }) => key.equals(publicKey));
  }
}

const obstacle = await whyNotHere();
if (obstacle !== undefined) it(`a mesh of real interfaces is not tested here: ${obstacle}`);
else {
  describe("a mesh of real interfaces on a LAN with link-local addresses alone", function () {
    this.timeout(60_000);
    let lan: Lan | undefined;
    let nodes: readonly Node[] = [];
    const members = () => nodes.map(({ member }) => member);
    const node = (index: number) => nodes[index - 1] as Node;

    before(async function () {
      this.timeout(300_000);
      lan = await Lan.open(3, await buildWireGuardGo());
      nodes = lan.machines.map((machine, at) => new Node(machine, at + 1));
    });
    after(() => lan?.[Symbol.asyncDispose]());

    it("is what the plan says, and carries packets between all", async () => {
      for (const one of nodes) await one.converge(members());
      for (const from of nodes) {
        for (const to of nodes.filter((other) => other !== from)) {
          await from.reach(to);
          expect((await from.stateOf(to))?.latestHandshakeMs).to.be.closeTo(Date.now(), 60_000);
        }
      }
    });

    it("then needs no change, neither of the device nor of the link", async () => {
      for (const one of nodes) {
        expect(await one.converge(members())).to.equal(undefined);
        expect(await one.linkActions()).to.deep.equal([]);
      }
    });

    it("sends to peers, pods and services from the mesh address, without a default route", async () => {
      const { namespace, device: name } = node(1).machine;
      for (const destination of [node(2).address, "10.112.2.9", "10.87.0.1"]) {
        const route = await ip("-n", namespace, "-json", "route", "get", destination);
        expect((JSON.parse(route) as object[])[0]).to.include({ dev: name, prefsrc: "10.86.0.1" });
      }
    });

    it("mends the link: a foreign address and route go, what is missing comes back", async () => {
      const { namespace, device: name } = node(1).machine;
      await ip("-n", namespace, "address", "add", "192.0.2.1/32", "dev", name);
      await ip("-n", namespace, "route", "add", "198.51.100.0/24", "dev", name);
      await ip("-n", namespace, "route", "delete", "10.112.0.0/12", "dev", name);
      await ip("-n", namespace, "link", "set", name, "mtu", "1300");
      expect((await node(1).linkActions()).map(({ kind }) => kind)).to.deep.equal([
        "set-mtu",
        "remove-address",
        "set-route",
        "remove-route",
      ]);
      await node(1).converge(members());
      expect(await node(1).linkActions()).to.deep.equal([]);
    });

    it("follows a machine that roams, and is not set back by gossip that has not noticed", async () => {
      const { namespace } = node(2).machine;
      const news = "fe80::5eed";
      await ip("-n", namespace, "address", "add", `${news}/64`, "dev", "eth0", "nodad");
      await ip("-n", namespace, "address", "delete", `${node(2).linkLocal}/64`, "dev", "eth0");
      await node(2).reach(node(1));
      await waitFor(async () => (await node(1).stateOf(node(2)))?.endpoint === `[${news}%eth0]:${PORT}`, {
        what: "the new address at the other end",
        timeoutMs: 15_000,
      });
      expect(await node(1).converge(members())).to.equal(undefined);
      // Now gossip has noticed: the others' plan is where WireGuard already is, or moves there at once.
      node(2).linkLocal = news;
      expect(await node(1).converge(members())).to.equal(undefined);
      await node(3).converge(members());
      expect((await node(3).stateOf(node(2)))?.endpoint).to.equal(`[${news}%eth0]:${PORT}`);
      await node(3).reach(node(2));
    });

    it("takes a rotated key over, and does not touch the third machine", async () => {
      const before = await node(1).stateOf(node(3));
      const oldKey = node(2).member.wireguardKey;
      node(2).privateKey = testKey(20);
      const [change] = await Promise.all(nodes.map((one) => one.converge(members())));
      expect(change?.peers.map(({ kind, publicKey }) => [kind, publicKey])).to.deep.equal([
        ["remove-peer", oldKey],
        ["set-peer", node(2).member.wireguardKey],
      ]);
      await node(1).reach(node(2));
      // A peer that was removed and added again would count from zero.
      expect((await node(1).stateOf(node(3)))?.rxBytes).to.be.at.least(before?.rxBytes ?? 0);
      expect(before?.rxBytes).to.be.greaterThan(0);
    });

    it("takes an announced key over without a gap: the handshake is there before the addresses move", async () => {
      const stateOf = async (key: Uint8Array) =>
        (await device.get(node(1).machine.device)).peers.find(({ publicKey }) =>
          Buffer.from(key).equals(publicKey),
        );
      const next = testKey(21);
      node(2).nextKey = next;
      for (const one of nodes) await one.converge(members());
      const told = members();
      expect((await stateOf(publicKeyOf(next)))?.allowedIps).to.deep.equal([]);
      // The machine uses it; nobody has heard so yet. Its first packet makes the handshake.
      node(2).privateKey = next;
      node(2).nextKey = undefined;
      await node(2).converge(told.filter(({ index }) => index !== 2));
      const ping = [
        "netns",
        "exec",
        node(2).machine.namespace,
        "ping",
        "-c",
        "1",
        "-W",
        "1",
        node(1).address,
      ];
      await execa("ip", ping, { reject: false });
      const made = await waitFor(async () => (await stateOf(publicKeyOf(next)))?.latestHandshakeMs, {
        what: "a handshake under the announced key",
        timeoutMs: 15_000,
      });
      await node(1).converge(members());
      expect((await stateOf(publicKeyOf(next)))?.allowedIps).to.have.length(2);
      await node(1).reach(node(2));
      expect((await stateOf(publicKeyOf(next)))?.latestHandshakeMs, "the same session").to.equal(made);
      await node(3).converge(members());
      await node(3).reach(node(2));
    });

    it("comes back whole after the daemon died", async () => {
      await lan?.stopDaemon(node(1).machine.device);
      const failure = await node(1)
        .converge(members())
        .catch((error: unknown) => error);
      expect(String(failure)).to.include("there is no userspace WireGuard interface");
      await lan?.startDaemon(node(1).machine);
      const change = await node(1).converge(members());
      expect(change?.peers).to.have.length(2);
      await node(1).reach(node(2));
      await node(1).reach(node(3));
      expect(await node(1).converge(members())).to.equal(undefined);
    });

    it("names the interface that is not there, and what `ip` said", async () => {
      const failure = await node(1)
        .link.observe("none0")
        .catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(LinkError);
      expect(String(failure)).to.include("none0").and.include("does not exist");
    });
  });
}
