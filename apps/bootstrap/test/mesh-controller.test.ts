import { agreementKeyFromPrivate } from "@cluster-os/identity";
import { chooseAddressPlan, InMemoryWireGuard, type LinkAction, type LinkState } from "@cluster-os/mesh";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { MeshController } from "../src/mesh-controller.ts";
import type { MeshView } from "../src/mesh-view.ts";

const publicKeyOf = (privateKey: Uint8Array): Uint8Array => agreementKeyFromPrivate(privateKey).publicKey;
const keyOf = (index: number) => agreementKeyFromPrivate(new Uint8Array(32).fill(0x40 + index));
const peer = (index: number, host = `192.0.2.${index}`) => ({
  index,
  wireguardKey: keyOf(index).publicKey,
  endpoint: `${host}:51820`,
});

/** A machine's mesh interface, in memory: what a person may change behind bootstrap's back. */
class Machine {
  readonly device = new InMemoryWireGuard(["cos0"], publicKeyOf);
  link: LinkState = { isUp: false, mtu: 1500, addresses: [], routes: [] };
  view: MeshView = {
    addressPlan: chooseAddressPlan([]),
    selfIndex: 1,
    peers: [peer(2), peer(3)],
    unheard: [],
    unproven: [],
  };
  readonly acts: LinkAction["kind"][] = [];
  readonly controller = new MeshController({
    mesh: {
      implementation: "userspace",
      device: this.device,
      ensure: () => Promise.resolve(),
      remove: () => Promise.resolve(),
    },
    link: {
      addWireGuard: () => Promise.resolve(),
      observe: () => Promise.resolve(this.link),
      act: (_, action) => Promise.resolve(this.#act(action)),
      meshMtu: () => Promise.resolve(1420),
    },
    key: () => keyOf(1),
    nudge: () => Promise.resolve(),
    listenPort: 51_820,
    view: () => this.view,
    onUp: () => {},
    clock: { now: () => 0, wallTime: () => 1_700_000_000_000 },
    logger: silentLogger,
  });

  /** A round; how often the device was written to. */
  async round(): Promise<number> {
    const before = this.device.writeCount;
    await this.controller.round(AbortSignal.timeout(1_000));
    return this.device.writeCount - before;
  }

  peers = async () => (await this.device.get("cos0")).peers;

  #act(action: LinkAction): void {
    this.acts.push(action.kind);
    const { link } = this;
    switch (action.kind) {
      case "set-mtu":
        return void (this.link = { ...link, mtu: action.mtu });
      case "set-up":
        return void (this.link = { ...link, isUp: true });
      case "add-address":
        return void (this.link = { ...link, addresses: [...link.addresses, action.address] });
      case "remove-address":
        return void (this.link = {
          ...link,
          addresses: link.addresses.filter((one) => one !== action.address),
        });
      case "set-route":
        return void (this.link = { ...link, routes: [...link.routes, action] });
      case "remove-route":
        return void (this.link = {
          ...link,
          routes: link.routes.filter((one) => one.destination !== action.destination),
        });
      default:
        action satisfies never;
    }
  }
}

describe("the mesh of a machine", () => {
  it("is written to once, and then only looked at", async () => {
    const machine = new Machine();
    expect(await machine.round()).to.equal(1);
    const acts = machine.acts.length;
    for (let round = 0; round < 3; round += 1) expect(await machine.round()).to.equal(0);
    expect(machine.acts).to.have.length(acts);
  });

  const drifts: readonly {
    readonly name: string;
    readonly change: (machine: Machine) => unknown;
    readonly acts?: readonly string[];
  }[] = [
    {
      name: "a peer that somebody removed",
      change: ({ device }) =>
        device.configure("cos0", { peers: [{ kind: "remove-peer", publicKey: keyOf(2).publicKey }] }),
    },
    {
      name: "a peer that somebody added",
      change: ({ device }) =>
        device.configure("cos0", {
          peers: [{ kind: "set-peer", publicKey: keyOf(9).publicKey, allowedIps: ["10.86.0.9/32"] }],
        }),
    },
    {
      name: "another's addresses, given to a peer",
      change: ({ device }) =>
        device.configure("cos0", {
          peers: [{ kind: "set-peer", publicKey: keyOf(3).publicKey, allowedIps: ["10.86.0.2/32"] }],
        }),
    },
    {
      name: "another private key",
      change: ({ device }) => device.configure("cos0", { privateKey: keyOf(9).privateKey, peers: [] }),
    },
    { name: "another port", change: ({ device }) => device.configure("cos0", { listenPort: 4, peers: [] }) },
    {
      name: "its address",
      change: (machine) => (machine.link = { ...machine.link, addresses: [] }),
      acts: ["add-address"],
    },
    {
      name: "a route",
      change: (machine) => (machine.link = { ...machine.link, routes: machine.link.routes.slice(1) }),
      acts: ["set-route"],
    },
    {
      name: "the interface switched off",
      change: (machine) => (machine.link = { ...machine.link, isUp: false }),
      acts: ["set-up"],
    },
    {
      name: "its MTU",
      change: (machine) => (machine.link = { ...machine.link, mtu: 1300 }),
      acts: ["set-mtu"],
    },
  ];
  for (const { name, change, acts } of drifts) {
    it(`is mended by the next round: ${name}`, async () => {
      const machine = new Machine();
      await machine.round();
      const [peers, link] = [await machine.peers(), machine.link];
      machine.acts.length = 0;
      await change(machine);
      expect(await machine.round()).to.equal(acts ? 0 : 1);
      expect(machine.acts).to.deep.equal(acts ?? []);
      expect(await machine.peers()).to.have.deep.members([...peers]);
      expect({
        ...machine.link,
        routes: new Set(machine.link.routes.map(({ destination }) => destination)),
      }).to.deep.equal({
        ...link,
        routes: new Set(link.routes.map(({ destination }) => destination)),
      });
      expect(await machine.round(), "and is at rest").to.equal(0);
    });
  }

  it("follows a member to the newest address that gossip heard it at, and touches no other", async () => {
    const machine = new Machine();
    await machine.round();
    machine.view = { ...machine.view, peers: [peer(2, "198.51.100.2"), peer(3)] };
    expect(await machine.round()).to.equal(1);
    expect((await machine.peers()).map(({ endpoint }) => endpoint)).to.have.members([
      "198.51.100.2:51820",
      "192.0.2.3:51820",
    ]);
  });
});
