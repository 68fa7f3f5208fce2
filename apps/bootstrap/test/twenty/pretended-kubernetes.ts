import { writeFile } from "node:fs/promises";
import { FakeApiServer } from "@cluster-os/kube/testing";
import { RESOURCES } from "@cluster-os/kube";
import type {
  Distribution,
  InitServerRequest,
  JoinCredentials,
  KubeconfigRequest,
  KubeletAccess,
  KubernetesStatus,
  KubernetesVersions,
} from "@cluster-os/kubernetes";
import { CLUSTER_NODES } from "../../src/server/kube.ts";

const CA = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
const TOKEN = "abcdef.0123456789abcdef";

/**
 * Kubernetes as far as bootstrap sees it, without any: joins are through at once, and one server has an API in its own
 * process. So twenty machines fit where one kubelet would not, and all that is left out has no part in a revocation.
 */
export class PretendedKubernetes implements Distribution {
  readonly name = "kubeadm";
  readonly package = "cluster-os-kubernetes";
  readonly #kubeconfigPath: string;
  #kind: KubernetesStatus["kind"] = "none";
  #server: { readonly name: string; readonly address: string; readonly api: FakeApiServer } | undefined;

  constructor(kubeconfigPath: string) {
    this.#kubeconfigPath = kubeconfigPath;
  }

  async initServer({ nodeName, meshAddress }: InitServerRequest): Promise<void> {
    const api = await FakeApiServer.start([...Object.values(RESOURCES), CLUSTER_NODES]);
    this.#server = { name: nodeName, address: meshAddress, api };
    this.#kind = "server";
    await this.issueKubeconfig({ path: this.#kubeconfigPath });
  }

  joinWorker(): Promise<void> {
    this.#kind = "worker";
    return Promise.resolve();
  }

  status(): Promise<KubernetesStatus> {
    const server = this.#server;
    const own = server && { name: server.name, address: server.address, isLearner: false, healthy: true };
    return Promise.resolve({
      kind: this.#kind,
      kubeletActive: this.#kind !== "none",
      apiReady: this.#kind !== "none",
      etcdMembers: own ? [own] : [],
      leader: server?.name,
    });
  }

  credentials(role: "server" | "worker"): Promise<JoinCredentials> {
    if (role === "server") return Promise.reject(new Error("there is one server here"));
    return Promise.resolve({ distribution: "kubeadm", role, token: TOKEN, caCertificate: CA });
  }

  versions(): Promise<KubernetesVersions> {
    return Promise.resolve({ installed: "v0.0.0", controlPlane: undefined, kubelet: "v0.0.0" });
  }

  kubeletAccess(): Promise<KubeletAccess> {
    return Promise.resolve("good");
  }

  readmit(): Promise<void> {
    return Promise.reject(new Error("there is no kubelet here"));
  }

  endReadmission(): Promise<void> {
    return Promise.resolve();
  }

  loadImages(): Promise<void> {
    return Promise.resolve();
  }

  upgrade(): Promise<void> {
    return Promise.reject(new Error("there is nothing to upgrade here"));
  }

  adminKubeconfig(): string {
    return this.#kubeconfigPath;
  }

  async issueKubeconfig({ path }: Pick<KubeconfigRequest, "path">): Promise<void> {
    const server = this.#server?.api.connection.server;
    if (server === undefined) throw new Error("a worker has no API");
    const config = {
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster: { server } }],
      users: [{ name: "a", user: { token: "none" } }],
    };
    // JSON is YAML.
    await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  }

  joinServer(): Promise<void> {
    return Promise.reject(new Error("there is one server here"));
  }

  promote(): Promise<void> {
    return this.joinServer();
  }

  demote(): Promise<void> {
    return this.joinServer();
  }

  setAside(): Promise<void> {
    return this.joinServer();
  }

  withdraw(): Promise<void> {
    return this.joinServer();
  }

  snapshot(path: string): Promise<void> {
    return writeFile(path, "", { mode: 0o600 });
  }

  restore(): Promise<void> {
    return this.joinServer();
  }

  prepare = nothing;
  resume = nothing;
  removeMember = nothing;
  removeVoter = nothing;
  setServers = nothing;
  certificates = () => Promise.resolve("current" as const);
  renewCertificates = nothing;
  reset = nothing;
  halt = nothing;
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
