import {
  AUTOPILOT_PAUSE_ANNOTATION,
  MANAGED_BY,
  NAMESPACE,
  RETIRING_LABEL,
  ROLES_OBJECT,
  type Retiring,
} from "@cluster-os/api";
import { NodeId } from "@cluster-os/identity";
import { RESOURCES, when, type ConfigMap, type KubeClient } from "@cluster-os/kube";
import { z } from "zod";
import { CLUSTER_NODES, createOnce } from "./kube.ts";

/** Who runs the control plane, as etcd has it: the truth, of which every record is a copy. */
export interface Roles {
  readonly epoch: number;
  readonly servers: readonly NodeId[];
  /** Unix milliseconds; 0 for what was established. */
  readonly decidedAt: number;
  /** What was decided and why, in words; undefined of what was established. */
  readonly cause?: string | undefined;
  /** Why autopilot is to change nothing; undefined unless somebody said so. */
  readonly pause: string | undefined;
}

const StoredRoles = z.object({
  epoch: z.coerce.number().int().min(0),
  servers: z.string().transform((text) => NodeId.array().min(1).parse(text.split("\n"))),
  decidedAt: z.coerce.number().int().min(0),
  cause: z.string().optional(),
});

const NAME = { name: ROLES_OBJECT, namespace: NAMESPACE };

/** The object in the API that holds the roles. Every change of it is checked against the version it was read at. */
export class RolesObject {
  readonly #kube: KubeClient;
  #read: ConfigMap | undefined;

  constructor(kube: KubeClient) {
    this.#kube = kube;
  }

  /** As it is now; made of what this server knows if there is none, or none any more. */
  async read(known: Pick<Roles, "epoch" | "servers">): Promise<Roles> {
    let found = await this.#kube.find(RESOURCES.configMap, NAME);
    if (!found) {
      await createOnce(this.#kube, toObject({ ...known, decidedAt: 0 }));
      found = await this.#kube.find(RESOURCES.configMap, NAME);
    }
    if (!found) throw new Error(`${ROLES_OBJECT} was made and is not there`);
    this.#read = found;
    const stored = StoredRoles.parse(found.data);
    const pause = found.metadata.annotations?.[AUTOPILOT_PAUSE_ANNOTATION];
    return { ...stored, pause };
  }

  /** Which machines people want without the control plane, by name. */
  async retiring(): Promise<ReadonlyMap<string, Retiring>> {
    const { items } = await this.#kube.list(CLUSTER_NODES, { labelSelector: RETIRING_LABEL });
    return new Map(
      items.map(({ metadata: { name, labels } }) => [
        name,
        // Anything else that was written there is the careful one.
        labels?.[RETIRING_LABEL] === "anyway" ? "anyway" : "when-replaced",
      ]),
    );
  }

  /** Each node's Kubernetes by its kubelet's word, for example "v1.34.4", by the node's name. */
  async kubelets(): Promise<ReadonlyMap<string, string>> {
    const { items } = await this.#kube.list(RESOURCES.node);
    return new Map(
      items.map(({ metadata: { name }, status }) => [name, status?.nodeInfo?.kubeletVersion ?? ""]),
    );
  }

  /** The next epoch, unless somebody changed the object since it was read: then false. */
  async decide(roles: Omit<Roles, "pause">): Promise<boolean> {
    const read = this.#read;
    if (!read) throw new Error("roles are decided only after they were read");
    const { data } = toObject(roles);
    return this.#kube.replace(RESOURCES.configMap, { ...read, data: data ?? {} }).then(
      () => true,
      when((error) => error.isConflict, false),
    );
  }
}

function toObject({ epoch, servers, decidedAt, cause }: Omit<Roles, "pause">): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...NAME, labels: MANAGED_BY },
    data: {
      epoch: String(epoch),
      servers: servers.join("\n"),
      decidedAt: String(decidedAt),
      ...(cause !== undefined && { cause }),
    },
  };
}
