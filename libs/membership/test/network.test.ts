import { expect } from "chai";
import fc from "fast-check";
import { connect, createServer, type AddressInfo } from "node:net";
import { createSocket } from "node:dgram";
import { silentLogger } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { formatAddress, parseAddress } from "../src/drivers/endpoint.ts";
import { openNetwork, type Network, type NetworkOptions } from "../src/drivers/index.ts";
import { broadcastAddress } from "../src/drivers/interfaces.ts";

/** A port that is free for UDP at this moment. */
async function freePort(): Promise<number> {
  const socket = createSocket("udp6");
  await new Promise<void>((resolve) => socket.bind(0, "::", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** Opens a network on a free port. Somebody else on this host may take one first, or have it for TCP: then on another. */
async function openAnywhere(
  options: Omit<NetworkOptions, "port">,
): Promise<{ readonly network: Network; readonly port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return { network: await openNetwork({ ...options, port }), port };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt === 20) throw error;
    }
  }
}

async function openPair() {
  const heard: { from: string; bytes: Uint8Array }[] = [];
  const common = { logger: silentLogger, isWanted: (name: string) => name === "lo" };
  const { network: a, port: portA } = await openAnywhere({ ...common, onDatagram: () => {} });
  const { network: b, port: portB } = await openAnywhere({
    ...common,
    onDatagram: (from, bytes) => heard.push({ from, bytes }),
  });
  const next = () => waitFor(() => heard.shift(), { what: "a message", timeoutMs: 5000, everyMs: 5 });
  return { a, b, portA, portB, next };
}

describe("network", () => {
  it("holds nothing when the port is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "::", resolve));
    const { port } = taken.address() as AddressInfo;
    const options = { logger: silentLogger, isWanted: () => false, onDatagram: () => {} };
    const error: unknown = await openNetwork({ ...options, port }).catch((caught: unknown) => caught);
    expect(error).to.have.property("code", "EADDRINUSE");
    // Nobody else's to share: it is free only if the first attempt let go of it.
    const alone = createSocket({ type: "udp6" });
    await new Promise<void>((resolve, reject) => {
      alone.once("error", reject).bind({ port, address: "::", exclusive: true }, resolve);
    });
    alone.close();
    await new Promise((resolve) => taken.close(resolve));
  });

  for (const host of ["127.0.0.1", "[::1]"]) {
    for (const size of [1, 1200, 1201, 200_000]) {
      it(`carries ${size} bytes to ${host}, and says where answers go`, async () => {
        const { a, b, portA, portB, next } = await openPair();
        await using _a = a;
        await using _b = b;
        const bytes = new Uint8Array(size).map((_, at) => at % 251);
        a.send(`${host}:${portB}`, bytes);
        const message = await next();
        expect(message.from).to.equal(`${host}:${portA}`);
        expect(Buffer.compare(message.bytes, bytes)).to.equal(0);
      });
    }
  }

  it("drops a stream that claims to be too long, and goes on", async () => {
    const { a, b, portB, next } = await openPair();
    await using _a = a;
    await using _b = b;
    const liar = connect(portB, "127.0.0.1");
    liar.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x21, 0xee, 1, 2, 3]));
    await new Promise((resolve) => liar.on("close", resolve));
    a.send(`127.0.0.1:${portB}`, new Uint8Array([7]));
    expect((await next()).bytes[0]).to.equal(7);
  });

  it("throws nothing at addresses that are none, or where nobody is", async () => {
    const { a, b } = await openPair();
    await using _a = a;
    await using _b = b;
    for (const to of ["", "nonsense", "[fe80::1%none9]:1", "127.0.0.1:1", "127.0.0.1:99999"]) {
      a.send(to, new Uint8Array(3));
      a.send(to, new Uint8Array(3000));
    }
  });
});

describe("addresses", () => {
  const table: [string, { host: string; port: number } | undefined][] = [
    ["10.0.0.7:8686", { host: "10.0.0.7", port: 8686 }],
    ["[fe80::7%eth0]:8686", { host: "fe80::7%eth0", port: 8686 }],
    ["[::1]:0", undefined],
    ["fe80::1:8686", undefined],
    ["host", undefined],
  ];
  for (const [text, endpoint] of table) {
    it(`reads ${text}`, () => {
      expect(parseAddress(text)).to.deep.equal(endpoint);
    });
  }

  it("writes what it reads", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        fc.pre(!host.toLowerCase().startsWith("::ffff:"));
        expect(parseAddress(formatAddress({ host, port }))).to.deep.equal({ host, port });
      }),
    );
  });

  it("takes IPv4 out of IPv6 clothes", () => {
    expect(formatAddress({ host: "::ffff:10.0.0.7", port: 1 })).to.equal("10.0.0.7:1");
  });
});

describe("broadcast addresses", () => {
  const broadcasts: [string, string | undefined][] = [
    ["10.0.0.7/24", "10.0.0.255"],
    ["192.168.5.130/25", "192.168.5.255"],
    ["172.16.3.4/12", "172.31.255.255"],
    ["10.0.0.1/31", undefined],
    ["fd00::1/64", undefined],
  ];
  for (const [cidr, expected] of broadcasts) {
    it(`broadcast of ${cidr}`, () => {
      expect(broadcastAddress(cidr)).to.equal(expected);
    });
  }
});
