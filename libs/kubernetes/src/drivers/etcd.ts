import { KubernetesError } from "../errors.ts";
import { decodeSnapshotLine, MemberList, MemberStatus, type EtcdMember } from "../plan/etcd.ts";
import { PATHS } from "../settings.ts";
import type { Host, HttpsResponse } from "./host.ts";

/** How etcd is reached by who has its keys: differs between distributions. */
export interface EtcdAccess {
  /** This machine's own member. */
  readonly url: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** A member as it lists itself, made one with the node's name and with addresses that answer HTTP. */
  readonly seenAs: (member: EtcdMember) => EtcdMember;
}

/** As kubeadm sets it up, with the client certificate that it made for health checks. */
export const KUBEADM_ETCD: EtcdAccess = {
  url: "https://127.0.0.1:2379",
  ca: `${PATHS.etcdPki}/ca.crt`,
  certificate: `${PATHS.etcdPki}/healthcheck-client.crt`,
  key: `${PATHS.etcdPki}/healthcheck-client.key`,
  seenAs: (member) => member,
};

/** What of a machine it takes to speak to etcd. */
export type EtcdHost = Pick<Host, "readFile" | "request" | "download">;

/** Some hundreds of megabytes, encoded and decoded. */
const SNAPSHOT_TIMEOUT_MS = 300_000;

export async function saveSnapshot(
  { host }: { readonly host: Host },
  access: EtcdAccess,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const etcd = await Etcd.open(host, access);
  if (!etcd) throw new KubernetesError("only a control-plane server has something to take a snapshot of");
  await etcd.save(path, signal);
}

/** etcd's members, by the JSON gateway of its gRPC API (etcd documentation, "gRPC gateway"). One member is asked. */
export class Etcd {
  readonly #host: EtcdHost;
  readonly #url: string;
  readonly #ca: string;
  readonly #client: { readonly certificate: string; readonly key: string };
  readonly #seenAs: EtcdAccess["seenAs"];

  private constructor(
    host: EtcdHost,
    url: string,
    ca: string,
    client: { readonly certificate: string; readonly key: string },
    seenAs: EtcdAccess["seenAs"],
  ) {
    this.#host = host;
    this.#url = url;
    this.#ca = ca;
    this.#client = client;
    this.#seenAs = seenAs;
  }

  /** undefined where this machine has no certificates of etcd, hence is no server. */
  static async open(host: EtcdHost, access: EtcdAccess): Promise<Etcd | undefined> {
    const [ca, certificate, key] = await Promise.all(
      [access.ca, access.certificate, access.key].map((path) => host.readFile(path)),
    );
    if (ca === undefined || certificate === undefined || key === undefined) return undefined;
    return new Etcd(host, access.url, ca, { certificate, key }, access.seenAs);
  }

  /** The same identity, asking another member. */
  at(url: string): Etcd {
    return new Etcd(this.#host, url, this.#ca, this.#client, this.#seenAs);
  }

  async members(signal: AbortSignal, timeoutMs = 5000): Promise<readonly EtcdMember[]> {
    // A member's own view may be old, but it is all that a server without a quorum can give.
    return this.#list(false, signal, timeoutMs);
  }

  /** As a majority knows it at this moment; throws while there is none. */
  agreedMembers(signal: AbortSignal, timeoutMs = 5000): Promise<readonly EtcdMember[]> {
    return this.#list(true, signal, timeoutMs);
  }

  /** How the asked member is; undefined if it does not answer within a second or complains. */
  async status(signal: AbortSignal): Promise<MemberStatus | undefined> {
    try {
      const status = MemberStatus.parse(await this.#post("maintenance/status", {}, signal, 1000));
      return status.errors.length === 0 ? status : undefined;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** How another member says it is. One that never started has no address to ask. */
  async statusOf(member: EtcdMember, signal: AbortSignal): Promise<MemberStatus | undefined> {
    const [url] = member.clientURLs;
    return url === undefined ? undefined : this.at(url).status(signal);
  }

  /** Announces a member that copies but does not vote yet. etcd allows one such at a time. */
  async addLearner(peerUrl: string, signal: AbortSignal): Promise<void> {
    await this.#post("cluster/member/add", { peerURLs: [peerUrl], isLearner: true }, signal);
  }

  /** Makes a learner a voter. Refused as long as it has not copied enough. */
  async promote(member: EtcdMember, signal: AbortSignal): Promise<void> {
    await this.#post("cluster/member/promote", { ID: member.ID }, signal);
  }

  /** One that is removed already is no failure: the answer to an earlier call may have been lost. */
  async remove(member: EtcdMember, signal: AbortSignal): Promise<void> {
    const answer = await this.#ask("cluster/member/remove", { ID: member.ID }, signal, 10_000);
    if (answer.status !== 404) this.#read("cluster/member/remove", answer);
  }

  /** Hands the leadership over; the asked member must be the leader. */
  async handOver(target: EtcdMember, signal: AbortSignal): Promise<void> {
    await this.#post("maintenance/transfer-leadership", { targetID: target.ID }, signal);
  }

  /** All that the asked member has, into a file of mode 0600; that ends with the hash of what is before. */
  async save(path: string, signal: AbortSignal): Promise<void> {
    const request = { method: "POST", url: `${this.#url}/v3/maintenance/snapshot`, body: "{}" } as const;
    const access = { ca: this.#ca, client: this.#client, timeoutMs: SNAPSHOT_TIMEOUT_MS };
    await this.#host.download({ ...request, ...access }, { path, decode: decodeSnapshotLine }, signal);
  }

  async #list(linearizable: boolean, signal: AbortSignal, timeoutMs: number): Promise<readonly EtcdMember[]> {
    const answer = await this.#post("cluster/member/list", { linearizable }, signal, timeoutMs);
    return MemberList.parse(answer).members.map(this.#seenAs);
  }

  async #post(call: string, body: object, signal: AbortSignal, timeoutMs = 10_000): Promise<unknown> {
    return this.#read(call, await this.#ask(call, body, signal, timeoutMs));
  }

  #ask(call: string, body: object, signal: AbortSignal, timeoutMs: number): Promise<HttpsResponse> {
    const request = { method: "POST", url: `${this.#url}/v3/${call}`, body: JSON.stringify(body) } as const;
    return this.#host.request({ ...request, ca: this.#ca, client: this.#client, timeoutMs }, signal);
  }

  #read(call: string, { status, body }: HttpsResponse): unknown {
    if (status === 200) return JSON.parse(body) as unknown;
    throw new KubernetesError(`etcd at ${this.#url} answered ${status} to ${call}: ${body.slice(0, 300)}`);
  }
}
