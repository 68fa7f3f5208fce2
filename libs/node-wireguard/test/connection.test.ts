import { expect } from "chai";
import { WireGuardError, type DeviceChange } from "@cluster-os/mesh";
import { concatBytes } from "@cluster-os/std";
import { kernelHasWireGuard, KernelWireGuard } from "../src/index.ts";
import { NetlinkConnection } from "../src/netlink/connection.ts";
import { NetlinkError, NetlinkFormatError } from "../src/netlink/errors.ts";
import { encodeMessage, NLMSG } from "../src/netlink/message.ts";
import type { NetlinkSocket } from "../src/netlink/socket.ts";
import { FakeKernel } from "./fake/kernel.ts";

const LINKS = [
  { index: 1, name: "lo" },
  { index: 2, name: "eth0" },
  { index: 3, name: "cos0", kind: "wireguard" },
];
const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

const messageOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => "no error",
    (error: unknown) => {
      expect(error).to.be.instanceOf(WireGuardError);
      return (error as Error).message;
    },
  );

describe("the kernel's refusals", () => {
  const peers: DeviceChange["peers"] = [];

  it("no WireGuard: list is empty, and the others name the way out", async () => {
    const links = LINKS.filter(({ kind }) => kind === undefined);
    const kernel = new FakeKernel({ links, hasWireGuard: false });
    const device = new KernelWireGuard(kernel);
    expect(await kernelHasWireGuard(kernel)).to.equal(false);
    expect(await device.list()).to.deep.equal([]);
    for (const act of [device.get("cos0"), device.configure("cos0", { peers })])
      expect(await messageOf(act))
        .to.include("modprobe wireguard")
        .and.include("cluster-os-wireguard");
    await device.remove("cos0");
  });

  const cases: readonly { readonly errno: number; readonly words?: string; readonly expected: string }[] = [
    {
      errno: 1,
      expected: "WireGuard interface cos0: not permitted; run as root, or with CAP_NET_ADMIN: EPERM",
    },
    { errno: 98, expected: "the UDP port is in use: end the program that has it" },
    { errno: 97, expected: "IPv6 switched off?" },
    {
      errno: 22,
      words: "invalid prefix",
      expected: "cos0: the kernel refused: EINVAL: invalid argument (invalid prefix)",
    },
    { errno: 9999, expected: "the kernel refused: error 9999" },
  ];
  for (const { errno, words, expected } of cases) {
    it(`error ${errno}${words === undefined ? "" : " with words"}`, async () => {
      const kernel = new FakeKernel({ links: LINKS });
      kernel.refusal = { errno, ...(words !== undefined && { words }) };
      const device = new KernelWireGuard(kernel);
      expect(await messageOf(device.configure("cos0", { peers }))).to.include(expected);
      expect(await messageOf(device.get("cos0"))).to.include(expected);
      expect(kernel.openCount, "sockets are closed after a refusal too").to.equal(0);
    });
  }

  const names = [
    { name: "a-name-of-16-byt", expected: "too long for the name of an interface: at most 15 bytes" },
    { name: "ü".repeat(8), expected: "too long" },
    { name: "", expected: "cannot be the name" },
    { name: "../cos0", expected: "cannot be the name" },
    { name: "a b", expected: "cannot be the name" },
    { name: "none0", expected: "there is no network interface none0" },
    { name: "eth0", expected: "eth0 is none of the kernel's WireGuard" },
  ];
  for (const { name, expected } of names) {
    it(`the name ${JSON.stringify(name)}: ${expected}`, async () => {
      const device = new KernelWireGuard(new FakeKernel({ links: LINKS }));
      expect(await messageOf(device.get(name))).to.include(expected);
      expect(await messageOf(device.configure(name, { peers }))).to.include(expected);
    });
  }

  it("never removes what is none of WireGuard's", async () => {
    const kernel = new FakeKernel({ links: LINKS });
    const device = new KernelWireGuard(kernel);
    expect(await messageOf(device.remove("eth0"))).to.include("something else has that name");
    expect(
      await messageOf(
        device.configure("cos0", {
          peers: [{ kind: "set-peer", publicKey: key(2), endpoint: "[fe80::1%eth0]:1" }],
        }),
      ),
    ).to.equal("no error");
    expect((await device.get("cos0")).peers[0]?.endpoint).to.equal("[fe80::1%eth0]:1");
  });

  const unsayable: readonly {
    readonly name: string;
    readonly change: DeviceChange;
    readonly expected: string;
  }[] = [
    { name: "a short key", change: { privateKey: key(1).subarray(1), peers }, expected: "31 bytes, not 32" },
    { name: "a port", change: { listenPort: 65_536, peers }, expected: "a port of 65536" },
    {
      name: "a keepalive",
      change: { peers: [{ kind: "set-peer", publicKey: key(2), persistentKeepaliveS: -1 }] },
      expected: "a keepalive of -1",
    },
    ...["10.0.0.0", "10.0.0.0/33", "fd86::/129", "x/1", "10.0.0.0/1x", "fe80::1%eth0/64"].map((network) => ({
      name: `the network ${network}`,
      change: { peers: [{ kind: "set-peer" as const, publicKey: key(2), allowedIps: [network] }] },
      expected: `"${network}" is no network`,
    })),
  ];
  for (const { name, change, expected } of unsayable) {
    it(`is asked nothing that cannot be said: ${name}`, async () => {
      const kernel = new FakeKernel({ links: LINKS });
      expect(await messageOf(new KernelWireGuard(kernel).configure("cos0", change))).to.include(expected);
      expect(kernel.setCount).to.equal(0);
    });
  }
});

describe("endpoints on links", () => {
  it("one on an interface that is not there is left out, the rest of the change is carried out", async () => {
    const device = new KernelWireGuard(new FakeKernel({ links: LINKS }));
    const allowedIps = ["10.86.0.2/32"];
    await device.configure("cos0", {
      peers: [{ kind: "set-peer", publicKey: key(2), endpoint: "[fe80::7%gone0]:51820", allowedIps }],
    });
    const [peer] = (await device.get("cos0")).peers;
    expect(peer?.allowedIps).to.deep.equal(allowedIps);
    expect(peer).not.to.have.property("endpoint");
  });

  it("one whose interface went meanwhile is told with its number", async () => {
    const kernel = new FakeKernel({ links: LINKS });
    const device = new KernelWireGuard(kernel);
    const change = { kind: "set-peer" as const, publicKey: key(2), endpoint: "[fe80::7%eth0]:51820" };
    await device.configure("cos0", { peers: [change] });
    kernel.removeLink("eth0");
    expect((await device.get("cos0")).peers[0]?.endpoint).to.equal("[fe80::7%2]:51820");
  });
});

describe("dumps", () => {
  it("are asked for again when the device changed, or another dump is under way", async () => {
    const kernel = new FakeKernel({ links: LINKS });
    [kernel.interruptedDumps, kernel.busyDumps] = [3, 4];
    expect((await new KernelWireGuard(kernel).get("cos0")).name).to.equal("cos0");
    expect([kernel.interruptedDumps, kernel.busyDumps]).to.deep.equal([0, 0]);
  });

  it("end as an error when there is no end of changes", async () => {
    const kernel = new FakeKernel({ links: LINKS });
    kernel.interruptedDumps = Infinity;
    expect(await messageOf(new KernelWireGuard(kernel).get("cos0"))).to.include(
      "it changed while it was read, 10 times",
    );
  });
});

describe("what a socket brings", () => {
  const stray = encodeMessage({
    type: NLMSG.ERROR,
    flags: 0,
    sequence: 99,
    payload: new Uint8Array(4).fill(255),
  });

  it("answers to others are passed over", async () => {
    const kernel = new FakeKernel({ links: LINKS });
    kernel.strays = [stray, concatBytes(stray, stray)];
    expect((await new KernelWireGuard(kernel).get("cos0")).name).to.equal("cos0");
  });

  const socket = (receive: NetlinkSocket["receive"]): NetlinkSocket => ({
    send: () => Promise.resolve(),
    receive,
    close: () => undefined,
  });
  const ask = (receive: NetlinkSocket["receive"]): Promise<unknown> =>
    new NetlinkConnection(() => socket(receive), 0)
      .ask(16, new Uint8Array(4))
      .catch((error: unknown) => error);

  it("answers to others without end are an error", async () => {
    expect(await ask(() => Promise.resolve(stray))).to.be.instanceOf(NetlinkFormatError);
  });

  it("nothing at all is an error, and so is half a message", async () => {
    expect(await ask(() => Promise.resolve(new Uint8Array()))).to.be.instanceOf(NetlinkFormatError);
    expect(await ask(() => Promise.resolve(stray.subarray(0, 18)))).to.be.instanceOf(NetlinkFormatError);
  });

  it("silence is an error that says so", async () => {
    const silent = () => Promise.reject(Object.assign(new Error("timed out"), { errno: 110 }));
    const error = await ask(silent);
    expect(error).to.be.instanceOf(NetlinkError);
    expect(String(error)).to.include("the kernel did not answer within 5 s");
  });

  it("requests are wiped: they may hold a private key", async () => {
    let sent: Uint8Array | undefined;
    const spy: NetlinkSocket = {
      ...socket(() => Promise.reject(Object.assign(new Error("timed out"), { errno: 110 }))),
      send: async (datagram) => {
        expect(datagram.includes(77)).to.equal(true);
        sent = datagram;
      },
    };
    await new NetlinkConnection(() => spy, 0).ask(16, new Uint8Array(4).fill(77)).catch(() => undefined);
    expect(sent?.every((byte) => byte === 0)).to.equal(true);
  });
});

describe("a socket that cannot be opened", () => {
  const open = (): never => {
    throw Object.assign(new Error("too many open files"), { errno: 24 });
  };

  it("is an error of the interface", async () => {
    const device = new KernelWireGuard({ open });
    expect(await messageOf(device.get("cos0"))).to.include(
      "WireGuard interface cos0: the kernel refused: EMFILE",
    );
    expect(await messageOf(device.list())).to.include("interfaces cannot be listed");
  });
});
