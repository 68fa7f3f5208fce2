import { parse } from "yaml";
import { z } from "zod";
import { KubernetesError } from "../errors.ts";
import type { Host, HttpsRequest } from "./host.ts";

/** Who applied a field, in the objects' managedFields. */
const FIELD_MANAGER = "cluster-os-bootstrap";

/** The kinds the driver writes, with their path segment. */
const PLURALS: Readonly<Record<string, string>> = {
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  ConfigMap: "configmaps",
  DaemonSet: "daemonsets",
  Secret: "secrets",
  Service: "services",
  ServiceAccount: "serviceaccounts",
};

interface Access {
  readonly server: string;
  readonly ca: string;
  readonly client: { readonly certificate: string; readonly key: string };
}

const embedded = z.base64().transform((text) => Buffer.from(text, "base64").toString("utf8"));

const Kubeconfig = z.object({
  clusters: z.tuple([
    z.object({ cluster: z.object({ server: z.string(), "certificate-authority-data": embedded }) }),
  ]),
  users: z.tuple([
    z.object({ user: z.object({ "client-certificate-data": embedded, "client-key-data": embedded }) }),
  ]),
});

const Written = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});

/**
 * The few calls the driver makes of the Kubernetes API, with an identity read from a kubeconfig. A full client library
 * costs 40 MB of memory and a child process for kubectl half a second of CPU, for what are single requests here.
 */
export class KubeApi {
  readonly #host: Host;
  readonly #access: Access;

  private constructor(host: Host, access: Access) {
    this.#host = host;
    this.#access = access;
  }

  /** Reads the identity into memory: it works on when the file is gone. */
  static async open(host: Host, kubeconfigPath: string): Promise<KubeApi> {
    const content = await host.readFile(kubeconfigPath);
    if (content === undefined) {
      throw new KubernetesError(
        `there is no ${kubeconfigPath} on this machine: it is no control-plane server`,
      );
    }
    const {
      clusters: [{ cluster }],
      users: [{ user }],
    } = Kubeconfig.parse(parse(content));
    return new KubeApi(host, {
      server: cluster.server,
      ca: cluster["certificate-authority-data"],
      client: { certificate: user["client-certificate-data"], key: user["client-key-data"] },
    });
  }

  /** Server-side apply: creates the object or changes the given fields. Repeating it changes nothing. */
  async apply(object: object, signal: AbortSignal): Promise<void> {
    const { apiVersion, kind, metadata } = Written.parse(object);
    const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const scope = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
    const path = `${base}${scope}/${PLURALS[kind]}/${metadata.name}?fieldManager=${FIELD_MANAGER}&force=true`;
    // JSON is YAML.
    await this.#call("PATCH", path, signal, "application/apply-patch+yaml", JSON.stringify(object));
  }

  /** Creates an object whose name must be new. */
  async create(path: string, object: object, signal: AbortSignal): Promise<void> {
    await this.#call("POST", path, signal, "application/json", JSON.stringify(object));
  }

  /** What lies at a path, parsed; undefined if there is nothing. */
  async read(path: string, signal: AbortSignal): Promise<unknown> {
    const body = await this.#call("GET", path, signal);
    return body === undefined ? undefined : (JSON.parse(body) as unknown);
  }

  async patch(path: string, patch: object, signal: AbortSignal): Promise<void> {
    await this.#call("PATCH", path, signal, "application/merge-patch+json", JSON.stringify(patch));
  }

  /** Deletes what lies at a path. No error if there is nothing. */
  async remove(path: string, signal: AbortSignal): Promise<void> {
    await this.#call("DELETE", path, signal);
  }

  /** How this identity is written down for others: where the API is, and by whose certificate it is known. */
  get server(): { readonly url: string; readonly ca: string } {
    return { url: this.#access.server, ca: this.#access.ca };
  }

  /** Changes a Node by a JSON merge patch (RFC 7386). */
  async patchNode(name: string, patch: object, signal: AbortSignal): Promise<void> {
    await this.patch(`/api/v1/nodes/${name}`, patch, signal);
  }

  /** The Node's address inside the cluster; undefined if there is no such Node, or it has none. */
  async nodeAddress(name: string, signal: AbortSignal): Promise<string | undefined> {
    const body = await this.#call("GET", `/api/v1/nodes/${name}`, signal);
    if (body === undefined) return undefined;
    const addresses = NodeAddresses.parse(JSON.parse(body)).status.addresses;
    return addresses.find(({ type }) => type === "InternalIP")?.address;
  }

  async deleteNode(name: string, signal: AbortSignal): Promise<void> {
    await this.#call("DELETE", `/api/v1/nodes/${name}`, signal);
  }

  /** Namespace and name of all pods bound to a node. */
  async podsOn(nodeName: string, signal: AbortSignal): Promise<readonly PodName[]> {
    const body = await this.#call("GET", `/api/v1/pods?fieldSelector=spec.nodeName%3D${nodeName}`, signal);
    return body === undefined ? [] : PodNames.parse(JSON.parse(body)).items.map(({ metadata }) => metadata);
  }

  /** Deletes a pod without waiting for its machine: only for machines that run it no longer. */
  async forgetPod(pod: PodName, signal: AbortSignal): Promise<void> {
    const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}?gracePeriodSeconds=0`;
    await this.#call("DELETE", path, signal);
  }

  /** The answer's body; undefined where the API knows no such object. Any other refusal is an error. */
  async #call(
    method: HttpsRequest["method"],
    path: string,
    signal: AbortSignal,
    contentType?: string,
    body?: string,
  ): Promise<string | undefined> {
    const { server, ca, client } = this.#access;
    const answer = await this.#host.request(
      {
        method,
        url: `${server}${path}`,
        ca,
        client,
        timeoutMs: 10_000,
        ...(contentType !== undefined && { contentType }),
        ...(body !== undefined && { body }),
      },
      signal,
    );
    if (answer.status === 404) return undefined;
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw new KubernetesError(
      `the API answered ${answer.status} to ${method} ${path}: ${reasonIn(answer.body)}`,
    );
  }
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

const NodeAddresses = z.object({
  status: z.object({ addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]) }),
});
const PodNames = z.object({
  items: z.array(z.object({ metadata: z.object({ namespace: z.string(), name: z.string() }) })),
});

/** The message of a Kubernetes Status object, or the start of whatever else it is. */
function reasonIn(body: string): string {
  try {
    return z.object({ message: z.string() }).parse(JSON.parse(body)).message;
  } catch {
    return body.slice(0, 200);
  }
}
