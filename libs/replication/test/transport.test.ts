import { expect } from "chai";
import { X509Certificate } from "node:crypto";
import { createServer, type TLSSocket } from "node:tls";
import { silentLogger, type Logger } from "@cluster-os/std";
import { delay, waitFor } from "@cluster-os/std/drivers";
import { MemoryNetwork, type Transport } from "../src/index.ts";
import { checkCertificate, openTlsTransport, type Credentials } from "../src/drivers/index.ts";
import { Authority, freePort } from "./support/authority.ts";
import { describeTransport, type TransportRig } from "./transport.contract.ts";

describeTransport("in memory", async (): Promise<TransportRig> => {
  const network = new MemoryNetwork();
  return { a: network.join("a"), b: network.join("b"), [Symbol.asyncDispose]: async () => {} };
});

const HOSTS: Readonly<Record<string, string>> = { a: "127.0.0.11", b: "127.0.0.12" };
let authority: Authority;
let stranger: Authority;
let known: Record<"a" | "b", Credentials>;

before(function () {
  this.timeout(60_000);
  authority = new Authority();
  stranger = new Authority();
  known = { a: authority.issue("agent:a"), b: authority.issue("agent:b") };
});
after(() => {
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});

async function openPair(
  credentials: Record<"a" | "b", Credentials>,
  options: { readonly silenceMs?: number; readonly logger?: Logger } = {},
): Promise<TransportRig> {
  const ports: Record<string, number> = {};
  for (const [id, host] of Object.entries(HOSTS)) ports[id] = await freePort(host);
  const open = (self: "a" | "b"): Promise<Transport & AsyncDisposable> =>
    openTlsTransport({
      self,
      host: HOSTS[self] ?? "",
      port: ports[self] ?? 0,
      credentials: () => credentials[self],
      addressOf: (id) => (ports[id] === undefined ? undefined : { host: HOSTS[id] ?? "", port: ports[id] }),
      replicaOf: ({ commonName, organizations }) =>
        organizations.includes("replicas") ? commonName.replace(/^agent:/, "") : undefined,
      logger: silentLogger,
      ...options,
    });
  const [a, b] = [await open("a"), await open("b")];
  return {
    a,
    b,
    [Symbol.asyncDispose]: async () => {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

describeTransport("over TLS", () => openPair(known));

describe("TLS between replicas", () => {
  /** Says it some times; gives what was heard meanwhile. */
  async function heardOf(credentials: Record<"a" | "b", Credentials>): Promise<number> {
    await using rig = await openPair(credentials);
    let count = 0;
    rig.b.listen(() => void (count += 1));
    for (let time = 0; time < 4; time += 1) {
      rig.a.send("b", Uint8Array.of(1));
      await delay(100);
    }
    return count;
  }

  /** How often "a" connects to a "b" that treats connections so, while it says ten things one after the other. */
  async function connectionsOf(treat: (socket: TLSSocket) => unknown): Promise<number> {
    const [port, own] = [await freePort("127.0.0.11"), await freePort("127.0.0.12")];
    let connections = 0;
    const { keyPem: key, certificatePem: cert, caPem: ca } = known.b;
    const server = createServer({ key, cert, ca, requestCert: true }, (socket) => {
      connections += 1;
      socket.on("error", () => {}).resume();
      treat(socket);
    }).listen(port, "127.0.0.12");
    const addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>> = {
      a: { host: "127.0.0.11", port: own },
      b: { host: "127.0.0.12", port },
    };
    await using a = await openTlsTransport({
      self: "a",
      ...{ host: "127.0.0.11", port: own },
      credentials: () => known.a,
      addressOf: (id) => addresses[id],
      replicaOf: ({ commonName }) => commonName.replace(/^agent:/, ""),
      logger: silentLogger,
      silenceMs: 150,
    });
    for (let time = 0; time < 10; time += 1) {
      a.send("b", Uint8Array.of(1));
      await delay(100);
    }
    server.close();
    return connections;
  }

  it("refuses certificates of another authority", async () => {
    const foreign = { ...stranger.issue("agent:a"), caPem: authority.caPem };
    expect(await heardOf({ ...known, a: foreign })).to.equal(0);
  }).timeout(60_000);

  it("speaks to nobody who only claims to be the other one", async () => {
    const foreign = { ...stranger.issue("agent:b"), caPem: authority.caPem };
    expect(await heardOf({ ...known, b: foreign })).to.equal(0);
  }).timeout(60_000);

  it("refuses a certificate that comes from another machine's address", async () => {
    expect(await heardOf({ ...known, a: known.b })).to.equal(0);
  }).timeout(60_000);

  it("connects anew where nothing comes back", async () => {
    expect(await connectionsOf(() => {})).to.be.greaterThan(2);
  }).timeout(60_000);

  it("stays with a connection on which is said that it came", async () => {
    const told: string[] = [];
    const logger = { ...silentLogger, info: (message: string) => void told.push(message) };
    await using rig = await openPair(known, { silenceMs: 500, logger });
    let count = 0;
    rig.b.listen(() => void (count += 1));
    for (let time = 0; time < 15; time += 1) {
      rig.a.send("b", Uint8Array.of(1));
      await delay(100);
    }
    expect(count).to.be.greaterThan(10);
    expect(told).to.deep.equal([]);
  }).timeout(60_000);

  it("takes up a renewed certificate without being told", async () => {
    const credentials = { ...known, a: { ...stranger.issue("agent:a"), caPem: authority.caPem } };
    await using rig = await openPair(credentials);
    let count = 0;
    rig.b.listen(() => void (count += 1));
    rig.a.send("b", Uint8Array.of(1));
    credentials.a = known.a;
    const heard = (): boolean => {
      rig.a.send("b", Uint8Array.of(1));
      return count > 0;
    };
    await waitFor(heard, { what: "a message under the new certificate", timeoutMs: 30_000 });
  }).timeout(60_000);

  it("believes a certificate a while after its end, not for ever and not before it begins", () => {
    const certificate = new X509Certificate(known.a.certificatePem);
    const end = certificate.validToDate.getTime();
    const check = (now: number) =>
      checkCertificate(certificate, { caPem: authority.caPem, now, graceMs: 1000 });
    expect(check(end + 500).commonName).to.equal("agent:a");
    expect(() => check(end + 1500)).to.throw("ended");
    expect(() => check(certificate.validFromDate.getTime() - 1)).to.throw("not valid yet");
  });
});
