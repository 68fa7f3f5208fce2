import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { KubeClient, KubeError, RESOURCES, when, type RequestReport, type WatchEvent } from "../src/index.ts";

const { configMap, lease } = RESOURCES;

describe("client", () => {
  let server: Server;
  let client: KubeClient;
  let answer: RequestListener;
  let reports: RequestReport[];

  beforeEach(async () => {
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    reports = [];
    const { port } = server.address() as AddressInfo;
    const token = () => Promise.resolve("secret");
    client = new KubeClient(
      { server: `http://127.0.0.1:${port}`, credentials: { token } },
      { timeoutMs: 8000, onRequest: (report) => reports.push(report) },
    );
  });
  afterEach(async () => {
    client[Symbol.dispose]();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const refuse =
    (status: number, body: unknown, headers = {}): RequestListener =>
    (_, response) =>
      void response
        .writeHead(status, { "content-type": "application/json", ...headers })
        .end(typeof body === "string" ? body : JSON.stringify(body));
  const failure = async (act: Promise<unknown>): Promise<KubeError> => {
    const error: unknown = await act.then(
      () => expect.fail("nothing was refused"),
      (cause: unknown) => cause,
    );
    expect(error).to.be.instanceOf(KubeError);
    return error as KubeError;
  };
  const get = () => client.get(configMap, { namespace: "a", name: "b" });

  it("says who it is and what it wants", async () => {
    answer = (request, response) => {
      expect(request.headers).to.include({ authorization: "Bearer secret", accept: "application/json" });
      refuse(200, { kind: `${request.method} ${request.url}` })(request, response);
    };
    expect((await get()).kind).to.equal("GET /api/v1/namespaces/a/configmaps/b");
    expect(reports.map(({ method, status }) => [method, status])).to.deep.equal([["GET", 200]]);
  });

  it("tells what the API says when it refuses", async () => {
    const status = { kind: "Status", code: 409, reason: "Conflict", message: "the object has been modified" };
    answer = refuse(409, status);
    const error = await failure(get());
    expect(error.message).to.equal("cannot get ConfigMap a/b: the object has been modified");
    expect(error).to.include({ status: 409, reason: "Conflict", isConflict: true, isNotFound: false });
  });

  it("keeps a refusal that is not the API's own, as a proxy gives it", async () => {
    answer = refuse(503, "no server is available", { "retry-after": "2" });
    expect(await failure(get())).to.include({
      message: "cannot get ConfigMap a/b: no server is available",
      status: 503,
      retryAfterMs: 2000,
    });
  });

  it("an object that is not there is undefined to whom asks so", async () => {
    answer = refuse(404, { reason: "NotFound", message: "gone" });
    expect(await client.find(configMap, { namespace: "a", name: "b" })).to.equal(undefined);
    const gone = client.delete(configMap, { namespace: "a", name: "b" });
    expect(await gone.catch(when((error) => error.isNotFound, "gone already"))).to.equal("gone already");
  });

  it("an answer that does not come is an error after its time", async () => {
    answer = () => {};
    const error = await failure(client.get(lease, { namespace: "a", name: "b" }, { timeoutMs: 50 }));
    expect([error.status, error.reason]).to.deep.equal([undefined, "Timeout"]);
  });

  it("an answer that is cut off is an error", async () => {
    answer = (_, response) => {
      response.writeHead(200, { "content-length": "100" }).write("{");
      setTimeout(() => response.destroy(), 20);
    };
    expect((await failure(get())).reason).to.equal("Unreachable");
  });

  it("the caller's own abort is thrown as it is", async () => {
    answer = () => {};
    const stop = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 20);
    const error: unknown = await client
      .get(lease, { namespace: "a", name: "b" }, { signal: stop.signal })
      .catch((cause: unknown) => cause);
    expect(error).to.equal(reason);
  });

  it("a connection that was closed while idle costs nothing", async () => {
    let count = 0;
    answer = (request, response) => {
      count += 1;
      // Closed without an answer, as a server does whose idle time was up just then.
      if (count === 2) return void request.socket.resetAndDestroy();
      refuse(200, { kind: "ConfigMap" })(request, response);
    };
    await get();
    await get();
    expect(count).to.equal(3);
  });

  describe("watch", () => {
    const lines = async (text: string, end: "end" | "destroy" = "end"): Promise<WatchEvent<unknown>[]> => {
      answer = (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write(text, () => (end === "end" ? response.end() : response.destroy()));
      };
      const seen: WatchEvent<unknown>[] = [];
      for await (const event of client.watch(configMap)) seen.push(event);
      return seen;
    };
    const event = (type: string, object: unknown = {}): string => `${JSON.stringify({ type, object })}\n`;

    it("gives the events and ends when the server ends it", async () => {
      const seen = await lines(event("ADDED") + event("BOOKMARK", { metadata: { resourceVersion: "7" } }));
      expect(seen.map(({ type }) => type)).to.deep.equal(["ADDED", "BOOKMARK"]);
    });

    const broken = [
      { name: "an ERROR of the API", text: event("ERROR", { code: 410, reason: "Expired" }), status: 410 },
      { name: "a line cut short", text: event("ADDED").slice(0, -3), says: "in the middle of a line" },
      { name: "a line that is no event", text: "<html>\n", says: "a line is no event" },
      {
        name: "a connection that breaks",
        text: event("ADDED"),
        end: "destroy" as const,
        says: "not reached",
      },
    ];
    for (const { name, text, status, says, end } of broken)
      it(`${name} is an error`, async () => {
        const error = await failure(lines(text, end));
        expect(error.status).to.equal(status);
        if (says !== undefined) expect(error.message).to.contain(says);
      });

    it("silence is an error", async () => {
      answer = (_, response) => void response.writeHead(200).flushHeaders();
      const next = client.watch(configMap, { inactivityMs: 50 }).next();
      expect((await failure(next)).reason).to.equal("Timeout");
    });
  });
});
