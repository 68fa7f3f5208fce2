import { z } from "zod";
import { MANAGED_BY, NAMESPACE } from "../names.ts";
import type { PlainObject } from "../kubernetes-object.ts";
import { slurmConfigName } from "./names.ts";

/** How one node registers with slurmctld: `slurmd -Z --conf`. */
export const SlurmNodeSettings = z.object({
  cpus: z.int().min(1).describe("Logical processors that jobs may use."),
  memoryMib: z.int().min(1).describe("Memory that jobs may use, in MiB."),
  features: z.array(z.string()).describe("By which partitions know their nodes; sorted."),
  gres: z.string().optional().describe("Generic resources, for example gpu:2."),
});
export type SlurmNodeSettings = z.infer<typeof SlurmNodeSettings>;

/** A rendered configuration. */
export interface SlurmConfig {
  /** Of the files: what slurmctld reads. A node that comes is not in it: it registers by itself. */
  readonly hash: string;
  /** By name, for example slurm.conf: what lies beside it on the controller's machine. */
  readonly files: Readonly<Record<string, string>>;
  /** By node. */
  readonly nodes: Readonly<Record<string, SlurmNodeSettings>>;
}

const HASH_ANNOTATION = "cluster-os.dev/config-hash";
const NODES_KEY = "nodes.json";

/** The ConfigMap in which node-agents find it. */
export function slurmConfigObject(cluster: string, { hash, files, nodes }: SlurmConfig) {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: slurmConfigName(cluster),
      namespace: NAMESPACE,
      labels: MANAGED_BY,
      annotations: { [HASH_ANNOTATION]: hash },
    },
    data: { ...files, [NODES_KEY]: JSON.stringify(nodes) },
  } satisfies PlainObject;
}

const ConfigMapShape = z.object({
  metadata: z.object({ annotations: z.object({ [HASH_ANNOTATION]: z.string() }) }),
  data: z.looseObject({ [NODES_KEY]: z.string() }).catchall(z.string()),
});
const Nodes = z.record(z.string(), SlurmNodeSettings);

/** What {@link slurmConfigObject} wrote; undefined if somebody else wrote it. */
export function readSlurmConfig(configMap: unknown): SlurmConfig | undefined {
  const { data: parsed } = ConfigMapShape.safeParse(configMap);
  if (!parsed) return undefined;
  const { [NODES_KEY]: text, ...files } = parsed.data;
  const nodes = Nodes.safeParse(jsonOf(text));
  if (!nodes.success) return undefined;
  return {
    hash: parsed.metadata.annotations[HASH_ANNOTATION],
    files,
    nodes: nodes.data,
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
