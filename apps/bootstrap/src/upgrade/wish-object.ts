import { MANAGED_BY, NAMESPACE, PackageDigest, UPGRADE_OBJECT, UpgradeReport } from "@cluster-os/api";
import { RESOURCES, when, type ConfigMap, type KubeClient } from "@cluster-os/kube";
import { z } from "zod";
import type { UpgradeWish } from "./plan.ts";

/** The wish with what carries it out. */
export interface StoredWish extends UpgradeWish {
  /** Of the package that brings the version. */
  readonly sha256: string;
  /** Name of the server that was given it. */
  readonly from: string;
  /** When a person asked, as RFC 3339 has it: machines that gave up try again for another asking. */
  readonly ask: string;
  /** What is being done or waited for, as the server that leads sees it: others do not know what machines said to it. */
  readonly told?: Told | undefined;
}

export type Told = Pick<UpgradeReport, "state" | "what">;

const Data = z.object({
  version: z.string(),
  sha256: PackageDigest,
  from: z.string(),
  ask: z.string(),
  machine: z.string().optional(),
  part: z.enum(["control-plane", "kubelet"]).optional(),
  problem: z.string().optional(),
  state: UpgradeReport.shape.state.optional(),
  what: z.string().optional(),
});

const NAME = { name: UPGRADE_OBJECT, namespace: NAMESPACE };

/** The object in the API that says which Kubernetes the cluster is to run. */
export class WishObject {
  readonly #kube: KubeClient;
  #read: ConfigMap | undefined;

  constructor(kube: KubeClient) {
    this.#kube = kube;
  }

  /** Undefined while nobody has asked for another Kubernetes. */
  async read(): Promise<StoredWish | undefined> {
    this.#read = await this.#kube.find(RESOURCES.configMap, NAME);
    if (!this.#read) return undefined;
    const { state, what, ...wish } = Data.parse(this.#read.data);
    return { ...wish, ...(state !== undefined && what !== undefined && { told: { state, what } }) };
  }

  /** Says how far it is, unless somebody changed the object since it was read: then false, and the next round looks again. */
  async note(wish: StoredWish): Promise<boolean> {
    const read = this.#read;
    if (!read) throw new Error("how far an upgrade is can be noted only after it was read");
    return this.#kube.replace(RESOURCES.configMap, { ...read, data: textOf(wish) }).then(
      (written) => {
        this.#read = written;
        return true;
      },
      when((error) => error.isConflict || error.isNotFound, false),
    );
  }

  /**
   * A person's wish. It takes the place of an earlier one, with whatever stopped that. Who is half-way to the same version goes on: it
   * may be what is amiss.
   */
  async ask(wish: StoredWish, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const before = await this.read();
      if (!before) return this.#create(wish);
      const { machine, part } = before.version === wish.version ? before : {};
      // The server that leads notes how far it is at any time.
      if (await this.note({ ...wish, machine, part })) return;
    }
  }

  async #create(wish: StoredWish): Promise<void> {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { ...NAME, labels: MANAGED_BY } };
    await this.#kube.create(RESOURCES.configMap, { ...object, data: textOf(wish) });
  }
}

function textOf(wish: StoredWish): Record<string, string> {
  const { version, sha256, from, ask, machine, part, problem, told } = wish;
  return {
    version,
    sha256,
    from,
    ask,
    ...(machine !== undefined && { machine }),
    ...(part !== undefined && { part }),
    ...(problem !== undefined && { problem }),
    ...told,
  };
}
