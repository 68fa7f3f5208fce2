import {
  slurmKeysObject,
  type ClusterNodeObject,
  type SlurmClusterObject,
  type SlurmNodeStatus,
  type SlurmTokenObject,
  type SlurmTokenStatus,
} from "@cluster-os/api";
import { KubeError, type KubeClient } from "@cluster-os/kube";
import { silentLogger } from "@cluster-os/std";
import { expect } from "chai";
import { TokenReconciler } from "../src/token-reconciler.ts";
import { NOW } from "./fixtures.ts";

const KEY = { generation: 1, secret: new Uint8Array(128), madeAt: new Date(NOW).toISOString() };
const KEYS = slurmKeysObject("default", {
  current: KEY,
  jwt: new Uint8Array(32).fill(1),
  askedBy: "",
  revocations: "",
});
const { signal } = new AbortController();

/** An API that keeps one SlurmToken and its Secret, and may fail or be cut off at a write. */
class Site {
  cluster: object = { rest: { enabled: true }, users: [{ name: "ada", uid: 2000 }] };
  /** As its node-agent reports it. */
  controller: SlurmNodeStatus["controller"] = { epoch: 1, running: true, tokenKeyGeneration: 1 };
  status: SlurmTokenStatus | undefined;
  secret: Readonly<Record<string, string>> | undefined;
  refusal: KubeError | undefined;
  /** So many writes arrive yet; then everything fails. */
  writesLeft = Infinity;

  readonly #reconciler = new TokenReconciler({
    client: this.#client(),
    tokens: { get: () => this.#token() },
    slurmClusters: {
      get: () =>
        ({
          metadata: { name: "default" },
          spec: this.cluster,
          status: { activeController: { node: "n-a" } },
        }) as unknown as SlurmClusterObject,
    },
    clusterNodes: {
      get: (name) =>
        name === "n-a"
          ? ({ status: { slurm: { controller: this.controller } } } as ClusterNodeObject)
          : undefined,
    },
    clock: { now: () => 0, wallTime: () => NOW },
    logger: silentLogger,
  });

  async round(): Promise<void> {
    await this.#reconciler.reconcile("default/ada", signal);
  }

  get reason(): string | undefined {
    return this.status?.conditions?.[0]?.reason;
  }

  #token(): SlurmTokenObject {
    const metadata = { name: "ada", namespace: "default", uid: "1", generation: 1 };
    const spec = { user: "ada" };
    return {
      apiVersion: "",
      kind: "SlurmToken",
      metadata,
      spec,
      ...(this.status && { status: this.status }),
    };
  }

  #client(): KubeClient {
    return {
      find: () => Promise.resolve(KEYS),
      apply: async (
        _resource: unknown,
        object: { status?: SlurmTokenStatus; data?: Record<string, string> },
      ) => {
        if (this.writesLeft <= 0) throw new Error("cut off");
        this.writesLeft -= 1;
        if (object.status) this.status = object.status;
        else if (this.refusal) throw this.refusal;
        else this.secret = object.data;
      },
    } as unknown as KubeClient;
  }
}

describe("the Secret of a SlurmToken", () => {
  const withdraw = { rest: { enabled: true }, users: [] };

  it("is emptied when the user goes, after whatever cut its making off", async () => {
    for (const writes of [1, 2, 3]) {
      const site = new Site();
      site.writesLeft = writes;
      await site.round().catch(() => undefined);
      site.writesLeft = Infinity;
      site.cluster = withdraw;
      await site.round();
      expect(site.secret ?? {}, `after ${writes} writes`).to.deep.equal({});
      expect(site.reason).to.equal("UserUnknown");
    }
  });

  it("is emptied in the end, though the API server refused at first", async () => {
    const site = new Site();
    await site.round();
    expect(site.secret).to.include.keys("SLURM_JWT");
    site.cluster = withdraw;
    site.refusal = new KubeError("exceeded quota", { status: 403, reason: "Forbidden" });
    await site.round();
    expect(site.reason).to.equal("SecretRefused");
    site.refusal = undefined;
    await site.round();
    expect(site.secret).to.deep.equal({});
    expect(site.status).not.to.have.property("user");
  });

  it("is said to be taken once slurmctld has the key, and stays so while it moves", async () => {
    const site = new Site();
    site.controller = { epoch: 1, running: true };
    await site.round();
    expect(site.secret).to.include.keys("SLURM_JWT");
    expect(site.reason).to.equal("KeyPending");
    // It ended before it had the key.
    site.controller = { epoch: 1, running: false, tokenKeyGeneration: 1 };
    await site.round();
    expect(site.reason).to.equal("KeyPending");
    site.controller = { epoch: 1, running: true, tokenKeyGeneration: 1 };
    await site.round();
    expect(site.reason).to.equal("Issued");
    site.controller = undefined;
    await site.round();
    expect(site.reason).to.equal("Issued");
  });

  it("stays as it is while nothing can be read of the SlurmCluster", async () => {
    const site = new Site();
    await site.round();
    const { secret } = site;
    site.cluster = { users: "nobody can read this" };
    await site.round();
    expect(site.reason).to.equal("NoSlurmCluster");
    expect(site.secret).to.equal(secret);
    site.cluster = withdraw;
    await site.round();
    expect(site.secret).to.deep.equal({});
  });
});
