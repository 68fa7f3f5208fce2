import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { LocalApiClient, LocalApiError } from "@cluster-os/api/drivers";
import { expect } from "chai";

const CLUSTER = { nodes: [], controlPlane: { voters: [], learners: [] } };

describe("LocalApiClient", () => {
  let folder: string;
  let socketPath: string;
  let server: Server | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "local-api-"));
    socketPath = join(folder, "bootstrap.sock");
  });

  afterEach(async () => {
    server?.closeAllConnections();
    await new Promise((done) => (server ? server.close(done) : done(undefined)));
    server = undefined;
    await rm(folder, { recursive: true });
  });

  async function listen(answer: RequestListener, timeoutMs = 8000): Promise<LocalApiClient> {
    const listening = createServer(answer);
    server = listening;
    await new Promise<void>((done) => listening.listen(socketPath, done));
    return new LocalApiClient({ socketPath, rootSocketPath: socketPath, timeoutMs });
  }

  async function failure(call: Promise<unknown>): Promise<LocalApiError> {
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(LocalApiError);
    return error as LocalApiError;
  }

  it("asks by path and checks the answer", async () => {
    const client = await listen((request, response) => {
      expect(`${request.method} ${request.url}`).to.equal("GET /v1/cluster");
      response.end(JSON.stringify(CLUSTER));
    });
    expect(await client.cluster()).to.deep.equal(CLUSTER);
  });

  it("sends a body as JSON", async () => {
    const answer = { certificatePem: "c", caPem: "a", server: "s", nodeName: "n", expiresAt: 1 };
    const client = await listen((request, response) => {
      void text(request).then((body) => {
        expect(JSON.parse(body)).to.deep.equal({ csrPem: "x" });
        response.end(JSON.stringify(answer));
      });
    });
    expect(await client.agentCertificate({ csrPem: "x" })).to.deep.equal(answer);
  });

  it("says that nothing listens, and where to look", async () => {
    const error = await failure(new LocalApiClient({ socketPath }).status());
    expect(error.reason).to.equal("not-running");
    expect(error.message).to.contain(socketPath).and.contain("systemctl status cluster-os-bootstrap");
  });

  const answers: readonly {
    readonly name: string;
    readonly status: number;
    readonly body: string;
    readonly reason: string;
    readonly message: RegExp;
  }[] = [
    {
      name: "not yet",
      status: 503,
      body: `{"error":"no server is ready yet"}`,
      reason: "not-yet",
      message: /^no server is ready yet$/,
    },
    {
      name: "a refusal",
      status: 403,
      body: `{"error":"not for you"}`,
      reason: "refused",
      message: /^not for you$/,
    },
    {
      name: "a path it does not know",
      status: 404,
      body: "",
      reason: "other-version",
      message: /does not know \/v1\/cluster.*systemctl restart/,
    },
    {
      name: "another shape",
      status: 200,
      body: `{"nodes":3}`,
      reason: "other-version",
      message: /in a shape that is not known/,
    },
    {
      name: "no JSON",
      status: 200,
      body: "hello",
      reason: "other-version",
      message: /in a shape that is not known/,
    },
    { name: "an error without a body", status: 500, body: "", reason: "refused", message: /with 500/ },
  ];
  for (const { name, status, body, reason, message } of answers) {
    it(`tells ${name}`, async () => {
      const client = await listen((_, response) => void response.writeHead(status).end(body));
      const error = await failure(client.cluster());
      expect(error.reason).to.equal(reason);
      expect(error.message).to.match(message);
    });
  }

  it("gives up on a bootstrap that does not answer", async () => {
    const client = await listen(() => {}, 300);
    const error = await failure(client.status());
    expect(error.reason).to.equal("no-answer");
    expect(error.message).to.contain("within 0.3 s");
  });

  it("tells a broken connection", async () => {
    const client = await listen((request) => void request.socket.destroy());
    expect((await failure(client.status())).reason).to.equal("no-answer");
  });

  it("stops when it is told to, with the caller's own reason", async () => {
    const client = await listen(() => {});
    const stop = new AbortController();
    const call = client.status(stop.signal);
    stop.abort(new Error("the caller stops"));
    const error: unknown = await call.catch((reason: unknown) => reason);
    expect(error).not.to.be.instanceOf(LocalApiError);
  });
});
