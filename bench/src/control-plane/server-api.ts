import type { Machine } from "@cluster-os/lab";

const PKI = "/etc/kubernetes/pki";

/** A request that is given up after so long: whoever waits for a dead server waits no longer. */
const REQUEST_S = 2;

/** Kubernetes and etcd as an administrator on one of the servers sees them. A request is one short process in that machine. */
export class ServerApi {
  readonly machine: Machine;
  readonly #endpoint: string;

  /** `endpoint` is where that machine's clients find the API: `https://HOST:PORT`. */
  constructor(machine: Machine, endpoint: string) {
    this.machine = machine;
    this.#endpoint = endpoint;
  }

  /** What the API answers; undefined where it does not answer well. */
  async get<T>(path: string): Promise<T | undefined> {
    const { exitCode, stdout } = await this.#kubernetes(path);
    return exitCode === 0 ? (JSON.parse(stdout) as T) : undefined;
  }

  /** Whether it was acknowledged. */
  async create(path: string, object: object): Promise<boolean> {
    return this.#write("POST", "application/json", path, object);
  }

  /** Whether it was acknowledged. */
  async patch(path: string, object: object): Promise<boolean> {
    return this.#write("PATCH", "application/merge-patch+json", path, object);
  }

  /** What this machine's member of etcd answers to a call of its JSON gateway; undefined where it does not. */
  async etcd<T>(call: string, body: object = {}): Promise<T | undefined> {
    const keys = `${PKI}/etcd`;
    const { exitCode, stdout } = await this.machine.exec([
      ...curl(`${keys}/ca.crt`, `${keys}/healthcheck-client`),
      ...["--data", JSON.stringify(body), `https://127.0.0.1:2379/v3/${call}`],
    ]);
    return exitCode === 0 ? (JSON.parse(stdout) as T) : undefined;
  }

  async #write(method: string, type: string, path: string, object: object): Promise<boolean> {
    const words = [
      "--request",
      method,
      "--header",
      `Content-Type: ${type}`,
      "--data",
      JSON.stringify(object),
    ];
    return (await this.#kubernetes(path, ["--output", "/dev/null", ...words])).exitCode === 0;
  }

  async #kubernetes(path: string, more: readonly string[] = []) {
    const words = curl(`${PKI}/ca.crt`, `${PKI}/apiserver-kubelet-client`);
    return this.machine.exec([...words, ...more, `${this.#endpoint}${path}`]);
  }
}

function curl(authority: string, certificate: string): readonly string[] {
  return [
    ...["curl", "--silent", "--fail", "--max-time", String(REQUEST_S)],
    ...["--cacert", authority, "--cert", `${certificate}.crt`, "--key", `${certificate}.key`],
  ];
}
