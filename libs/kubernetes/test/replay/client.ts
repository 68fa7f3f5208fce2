import { request as httpRequest } from "node:http";
import { Etcd, KUBEADM_ETCD, type EtcdHost } from "../../src/drivers/etcd.ts";
import type { HttpsRequest, HttpsResponse } from "../../src/drivers/host.ts";

/** So that etcd refuses at once while it knows of no leader, instead of waiting for one. */
const REQUIRE_LEADER = { "Grpc-Metadata-hasleader": "true" };

/** Speaks to a member by its socket, whatever its network: a cut cable between machines is none between it and the test. */
export class MemberClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** As servers ask it. */
  async etcd(): Promise<Etcd> {
    const host: EtcdHost = {
      readFile: () => Promise.resolve(""),
      request: ({ url, body, timeoutMs }: HttpsRequest) =>
        this.#post(new URL(url).pathname, body ?? "", timeoutMs),
      download: () => Promise.reject(new Error("nothing is downloaded here")),
    };
    const etcd = await Etcd.open(host, { ...KUBEADM_ETCD, url: "http://member" });
    return etcd as Etcd;
  }

  /** Throws unless the write is acknowledged; it may be done all the same. */
  async write(key: string, value: string, timeoutMs: number): Promise<void> {
    await this.#ask("kv/put", { key: base64(key), value: base64(value) }, timeoutMs);
  }

  /** All keys with their values, as a majority knows them at this moment. */
  async readAll(timeoutMs: number): Promise<ReadonlyMap<string, string>> {
    const body = await this.#ask("kv/range", { key: "AA==", range_end: "AA==" }, timeoutMs);
    const { kvs = [] } = JSON.parse(body) as { kvs?: { key: string; value: string }[] };
    return new Map(kvs.map(({ key, value }) => [text(key), text(value)]));
  }

  async #ask(call: string, body: object, timeoutMs: number): Promise<string> {
    const answer = await this.#post(`/v3/${call}`, JSON.stringify(body), timeoutMs);
    if (answer.status === 200) return answer.body;
    throw new Error(`etcd answered ${answer.status} to ${call}: ${answer.body.slice(0, 300)}`);
  }

  #post(path: string, body: string, timeoutMs: number): Promise<HttpsResponse> {
    const options = {
      socketPath: this.#socketPath,
      path,
      method: "POST",
      headers: REQUIRE_LEADER,
      signal: AbortSignal.timeout(timeoutMs),
    };
    return new Promise((resolve, reject) => {
      const call = httpRequest(options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }),
        );
      });
      call.on("error", reject);
      call.end(body);
    });
  }
}

function base64(value: string): string {
  return Buffer.from(value).toString("base64");
}

function text(value: string): string {
  return Buffer.from(value, "base64").toString("utf8");
}
