import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { LocalApiClient, LocalApiError } from "@cluster-os/api/drivers";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { serveLocalApi, type LocalApiAnswers } from "../src/local-api.ts";
import { PeerApiError } from "../src/peer-api/protocol.ts";

const CLUSTER = { nodes: [], controlPlane: { voters: [], learners: [] } };
const RING_KEYS = { number: 1, stage: "active" as const, members: [] };
const CERTIFICATE = { certificatePem: "c", caPem: "a", server: "s", nodeName: "n", expiresAt: 1 };

describe("the local API", () => {
  let folder: string;
  let sockets: { readonly group: string; readonly root: string };
  let serving: AsyncDisposable;
  const answers: LocalApiAnswers = {
    status: () => Promise.reject(new Error("kubeadm does not answer")),
    cluster: () => Promise.resolve(CLUSTER),
    members: () => Promise.reject(new PeerApiError(503, "no server answers yet")),
    firewall: () => Promise.reject(new Error("there is no nft")),
    agentCertificate: () => Promise.resolve(CERTIFICATE),
    ringKeys: () => Promise.resolve(RING_KEYS),
    rotateRingKey: () => Promise.reject(new PeerApiError(409, "a worker")),
    leave: () => Promise.reject(new PeerApiError(409, "a server")),
    recover: () => Promise.reject(new PeerApiError(409, "a worker")),
    upgrade: () => Promise.resolve({ state: "none", what: "no upgrade was asked for", nodes: [] }),
    upgradeKubernetes: ({ package: file }) => Promise.reject(new PeerApiError(400, `${file} is no package`)),
    pending: () => Promise.resolve([]),
    approve: ({ node }) => Promise.reject(new PeerApiError(409, `nobody called ${node} waits`)),
    joinKeys: () => Promise.resolve([]),
    rotateJoinKey: () => Promise.resolve([]),
    audit: () => Promise.resolve({ genesis: "", entries: [] }),
    revoke: ({ node }) => Promise.reject(new PeerApiError(409, `no member is called ${node}`)),
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "bootstrap-api-"));
    sockets = { group: join(folder, "bootstrap.sock"), root: join(folder, "root.sock") };
    serving = await serveLocalApi({ sockets, answers, logger: silentLogger });
  });
  afterEach(async () => {
    await serving[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  function ask(socketPath: string, method: string, path: string, body?: string) {
    return new Promise<{ readonly status: number; readonly body: Record<string, unknown> }>(
      (resolve, reject) => {
        const call = request({ socketPath, method, path, agent: false }, (response) => {
          text(response).then(
            (answer) =>
              resolve({
                status: response.statusCode ?? 0,
                body: JSON.parse(answer) as Record<string, unknown>,
              }),
            reject,
          );
        });
        call.on("error", reject);
        call.end(body);
      },
    );
  }

  it("opens one socket to the folder's group and one to root alone", async () => {
    expect((await stat(sockets.group)).mode & 0o777).to.equal(0o660);
    expect((await stat(sockets.root)).mode & 0o777).to.equal(0o600);
    expect((await stat(sockets.group)).isSocket()).to.equal(true);
  });

  it("answers the project's own client, each question on the socket that is meant for it", async () => {
    const client = new LocalApiClient({ socketPath: sockets.group });
    expect(await client.cluster()).to.deep.equal(CLUSTER);
    expect(await client.agentCertificate({ csrPem: "x" })).to.deep.equal(CERTIFICATE);
    const misled = new LocalApiClient({ socketPath: sockets.group, rootSocketPath: sockets.group });
    const error: unknown = await misled.agentCertificate({ csrPem: "x" }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LocalApiError).with.property("reason", "refused");
  });

  const refused: readonly [string, string, string, string | undefined, number, RegExp][] = [
    ["another version", "GET", "/v9/status", undefined, 404, /speaks v1/],
    ["an endpoint there is not", "GET", "/v1/weather", undefined, 404, /has no/],
    ["no JSON", "POST", "/v1/agent-certificate", "hello", 400, /not JSON/],
    ["another shape", "POST", "/v1/agent-certificate", `{"csr":1}`, 400, /malformed/],
    ["too much", "POST", "/v1/agent-certificate", `"${"x".repeat(70_000)}"`, 413, /at most/],
    ["not yet", "GET", "/v1/members", undefined, 503, /no server answers yet/],
    ["trouble", "GET", "/v1/status", undefined, 503, /kubeadm does not answer/],
  ];
  for (const [name, method, path, body, status, error] of refused) {
    it(`says ${name} with ${status}`, async () => {
      const answer = await ask(sockets.root, method, path, body);
      expect(answer.status).to.equal(status);
      expect(answer.body["error"]).to.match(error);
      expect(answer.body["endpoints"] !== undefined).to.equal(status === 404);
    });
  }

  it("takes the place of a socket that a killed predecessor left", async () => {
    await serving[Symbol.asyncDispose]();
    await writeFile(sockets.group, "");
    serving = await serveLocalApi({ sockets, answers, logger: silentLogger });
    expect(await new LocalApiClient({ socketPath: sockets.group }).cluster()).to.deep.equal(CLUSTER);
  });
});
