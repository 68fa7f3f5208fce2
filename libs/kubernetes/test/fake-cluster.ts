import { parse, stringify } from "yaml";
import type { HttpsRequest, HttpsResponse } from "../src/drivers/index.ts";

type Gates = Readonly<Record<string, boolean>>;

interface Member {
  readonly ID: string;
  name?: string;
  readonly peerURLs: readonly string[];
  clientURLs?: readonly string[];
  isLearner?: boolean;
}

/** A machine as the cluster sees it. */
export interface FakeNode {
  readonly name: string;
  readonly address: string;
  /** Whether its API server answers. */
  readonly isServing: boolean;
  /** Whether its member of etcd answers, and on which port. */
  readonly hasEtcd: boolean;
  readonly etcdPort: string;
  /** How its member of etcd is named. */
  readonly memberName: string;
}

/** The API and etcd that fake machines share, as far as the driver talks to them. */
export class FakeCluster {
  readonly machines = new Map<string, FakeNode>();
  /** Address by node name. */
  readonly nodes = new Map<string, string>();
  readonly labels = new Map<string, ReadonlySet<string>>();
  readonly objects = new Map<string, unknown>();
  readonly annotations = new Map<string, ReadonlySet<string>>();
  /** `namespace/name` of pods, by node. */
  readonly pods = new Map<string, string[]>();
  /** What kubeadm keeps in the API that servers are to run. */
  version = "v1.34.4";
  gates: Gates = {
    ControlPlaneKubeletLocalMode: false,
    NodeLocalCRISocket: true,
  };
  members: Member[] = [];
  leader = "";
  #nextId = 1;

  found(machine: FakeNode): void {
    this.members = [this.#member(machine.address, machine.memberName)];
    this.leader = this.members[0]?.ID ?? "";
  }

  /** A member that has not started yet. */
  announce(machine: FakeNode): void {
    if (this.members.some(({ isLearner }) => isLearner)) throw new Error("too many learner members");
    this.members.push(this.#member(machine.address));
  }

  started(machine: FakeNode): void {
    const member = this.members.find(({ peerURLs }) => peerURLs.includes(`https://${machine.address}:2380`));
    if (!member) throw new Error("etcd started without having been announced");
    member.name = machine.memberName;
    member.clientURLs = [`https://${machine.address}:2379`];
  }

  answer(from: FakeNode, request: HttpsRequest): HttpsResponse {
    const { hostname, port, pathname, searchParams } = new URL(request.url);
    const body = (request.body === undefined ? {} : JSON.parse(request.body)) as Record<string, unknown>;
    if (port !== "6443" && port !== "7443") {
      const machine = hostname === "127.0.0.1" ? from : this.machines.get(hostname);
      if (!machine?.hasEtcd || machine.etcdPort !== port) throw new Error("connection refused");
      return this.#etcd(machine, pathname, body);
    }
    const isThere = port === "6443" ? this.machines.get(hostname)?.isServing : this.#isAnyServing();
    if (!isThere) throw new Error("connection refused");
    return this.#api(request.method, pathname, searchParams, body);
  }

  #isAnyServing(): boolean {
    return [...this.machines.values()].some((machine) => machine.isServing);
  }

  #member(address: string, name?: string): Member {
    const ID = `${this.#nextId}`;
    this.#nextId += 1;
    const member: Member = { ID, peerURLs: [`https://${address}:2380`] };
    return name === undefined
      ? { ...member, isLearner: true }
      : { ...member, name, clientURLs: [`https://${address}:2379`] };
  }

  #etcd(machine: FakeNode, path: string, body: Record<string, unknown>): HttpsResponse {
    const named = this.members.find(({ ID }) => ID === body["ID"] || ID === body["targetID"]);
    switch (path) {
      case "/v3/cluster/member/list":
        return ok({ members: this.members });
      case "/v3/cluster/member/add": {
        const [url = ""] = body["peerURLs"] as string[];
        if (this.members.some(({ isLearner }) => isLearner))
          return { status: 400, body: "too many learner members" };
        this.members.push(this.#member(new URL(url).hostname));
        return ok({});
      }
      case "/v3/cluster/member/promote":
        if (named) delete named.isLearner;
        return ok({});
      case "/v3/cluster/member/remove":
        if (!named) return { status: 404, body: "etcdserver: member not found" };
        this.members = this.members.filter((member) => member !== named);
        return ok({});
      case "/v3/maintenance/transfer-leadership":
        this.leader = named?.ID ?? "";
        return ok({});
      case "/v3/maintenance/status": {
        const own = this.members.find(({ name }) => name === machine.memberName);
        return own
          ? ok({ header: { member_id: own.ID }, leader: this.leader })
          : { status: 503, body: "removed" };
      }
      default:
        return { status: 404, body: path };
    }
  }

  #configuration(method: string, body: Record<string, unknown>): HttpsResponse {
    if (method === "PATCH") {
      const { data } = body as { readonly data: { readonly ClusterConfiguration: string } };
      this.gates = (parse(data.ClusterConfiguration) as { featureGates: Gates }).featureGates;
    }
    const configuration = { kubernetesVersion: this.version, featureGates: this.gates };
    return ok({ data: { ClusterConfiguration: stringify(configuration) } });
  }

  #api(method: string, path: string, query: URLSearchParams, body: Record<string, unknown>): HttpsResponse {
    if (path === "/readyz") return { status: 200, body: "ok" };
    if (path.endsWith("/configmaps/kubeadm-config")) return this.#configuration(method, body);
    const [, , , kind, name = ""] = path.split("/");
    if (kind === "nodes") return this.#node(method, name, body);
    if (kind === "pods") {
      const node = (query.get("fieldSelector") ?? "").replace("spec.nodeName=", "");
      const items = (this.pods.get(node) ?? []).map((pod) => pod.split("/"));
      return ok({ items: items.map(([namespace, podName]) => ({ metadata: { namespace, name: podName } })) });
    }
    if (method === "GET" && path.includes("/certificatesigningrequests/")) {
      const isApproved = this.objects.has(`${path}/approval`);
      return ok({ status: isApproved ? { certificate: Buffer.from("certificate").toString("base64") } : {} });
    }
    if (method === "DELETE") {
      this.objects.delete(path);
      const [, , , , namespace, , pod] = path.split("/");
      for (const [node, pods] of this.pods) {
        this.pods.set(
          node,
          pods.filter((known) => known !== `${namespace}/${pod}`),
        );
      }
      return ok({});
    }
    this.objects.set(path, body);
    return ok(body);
  }

  #node(method: string, name: string, body: Record<string, unknown>): HttpsResponse {
    const address = this.nodes.get(name);
    if (address === undefined) return { status: 404, body: "{}" };
    if (method === "DELETE") this.nodes.delete(name);
    if (method === "PATCH") {
      const labels = (body["metadata"] as { labels: Record<string, string | null> }).labels;
      this.labels.set(name, new Set(Object.keys(labels).filter((label) => labels[label] !== null)));
    }
    return ok({ status: { addresses: [{ type: "InternalIP", address }] } });
  }
}

function ok(body: unknown): HttpsResponse {
  return { status: 200, body: JSON.stringify(body) };
}
