import { z } from "zod";
import { KubernetesError } from "../errors.ts";
import { MemberList, MemberStatus, type EtcdMember } from "../plan/etcd.ts";
import { PATHS } from "../settings.ts";
import type { Host } from "./host.ts";

const LOCAL_URL = "https://127.0.0.1:2379";

/**
 * etcd's members, by the JSON gateway of its gRPC API (etcd documentation, "gRPC gateway"), with the client certificate
 * that kubeadm made for health checks.
 */
export class Etcd {
  readonly #host: Host;
  readonly #ca: string;
  readonly #client: { readonly certificate: string; readonly key: string };

  private constructor(
    host: Host,
    ca: string,
    client: { readonly certificate: string; readonly key: string },
  ) {
    this.#host = host;
    this.#ca = ca;
    this.#client = client;
  }

  /** undefined where this machine has no certificates of etcd, hence is no server. */
  static async open(host: Host): Promise<Etcd | undefined> {
    const [ca, certificate, key] = await Promise.all(
      ["ca.crt", "healthcheck-client.crt", "healthcheck-client.key"].map((name) =>
        host.readFile(`${PATHS.etcdPki}/${name}`),
      ),
    );
    if (ca === undefined || certificate === undefined || key === undefined) return undefined;
    return new Etcd(host, ca, { certificate, key });
  }

  async members(signal: AbortSignal, timeoutMs = 5000): Promise<readonly EtcdMember[]> {
    // Not linearizable would be a member's own, possibly old, view; but that is all a server without a quorum has.
    const body = await this.#post(
      LOCAL_URL,
      "/v3/cluster/member/list",
      { linearizable: false },
      signal,
      timeoutMs,
    );
    return MemberList.parse(body).members;
  }

  /** Asks one member how it is; undefined if it does not answer within a second or complains. */
  async statusOf(member: EtcdMember, signal: AbortSignal): Promise<z.infer<typeof MemberStatus> | undefined> {
    const [url] = member.clientURLs;
    if (url === undefined) return undefined;
    try {
      const status = MemberStatus.parse(await this.#post(url, "/v3/maintenance/status", {}, signal, 1000));
      return status.errors.length === 0 ? status : undefined;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Removes a member. `via` answers: for a member that removes itself, another one. */
  async remove(member: EtcdMember, signal: AbortSignal, via?: EtcdMember): Promise<void> {
    await this.#post(
      via?.clientURLs[0] ?? LOCAL_URL,
      "/v3/cluster/member/remove",
      { ID: member.ID },
      signal,
      10_000,
    );
  }

  /** Hands the leadership of this machine's member over. */
  async handOver(target: EtcdMember, signal: AbortSignal): Promise<void> {
    await this.#post(
      LOCAL_URL,
      "/v3/maintenance/transfer-leadership",
      { targetID: target.ID },
      signal,
      10_000,
    );
  }

  async #post(
    base: string,
    path: string,
    body: object,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<unknown> {
    const answer = await this.#host.request(
      {
        method: "POST",
        url: `${base}${path}`,
        body: JSON.stringify(body),
        ca: this.#ca,
        client: this.#client,
        timeoutMs,
      },
      signal,
    );
    if (answer.status !== 200) {
      throw new KubernetesError(
        `etcd at ${base} answered ${answer.status} to ${path}: ${answer.body.slice(0, 300)}`,
      );
    }
    return JSON.parse(answer.body) as unknown;
  }
}
