import { createHash } from "node:crypto";
import {
  SLURM_CONTROLLER_ALIAS,
  SlurmClusterSpecSchema,
  type SlurmClusterSpec,
  type SlurmConfig,
  type SlurmNodeSettings,
} from "@cluster-os/api";
import { compareText } from "@cluster-os/std";
import ejs from "ejs";
import { gpuFiles, gresLines } from "./gpus.ts";
import { selectNodes, type SlurmNode } from "./nodes.ts";
import { parametersOf } from "./parameters.ts";
import { featuresOf, nodeSetsOf, partitionLines } from "./partitions.ts";
import { shareOf } from "./share.ts";
import { CGROUP_CONF, GRES_CONF, PLUGSTACK_CONF, SLURM_CONF, TOPOLOGY_CONF } from "./templates/slurm-conf.ts";
import { switchesOf } from "./topology.ts";

/** As many as there are indexes: SLURM makes room for them at its start. */
const MAX_NODES = 4096;

const AUTH = {
  munge: { type: "auth/munge", credentials: "cred/munge", info: undefined },
  slurm: { type: "auth/slurm", credentials: "auth/slurm", info: "use_client_ids" },
} as const;

/** A spec that cannot become a configuration. The API server refuses such specs; this is the second gate. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/**
 * The files of a SLURM cluster, and how its nodes register. The same for the same spec and nodes, in whatever order they
 * come. Throws a {@link ConfigurationError} that names the field, if a spec got past the API server that is not valid.
 */
export function renderConfig(cluster: string, written: unknown, known: readonly SlurmNode[]): SlurmConfig {
  const spec = checked(written);
  const nodes = selectNodes(known, spec.nodeLabels);
  for (const { name } of nodes) checkWord(name, "the name of a node");
  const files = filesOf(cluster, spec, nodes);
  return {
    hash: hashOf(files),
    files,
    nodes: Object.fromEntries(nodes.map((node) => [node.name, settingsOf(node, spec)])),
  };
}

function filesOf(
  cluster: string,
  spec: SlurmClusterSpec,
  nodes: readonly SlurmNode[],
): Record<string, string> {
  const switches = spec.topology && switchesOf(nodes, spec.topology.label);
  return {
    "cgroup.conf": fill(CGROUP_CONF, {}),
    "gres.conf": fill(GRES_CONF, { lines: gresLines(nodes, spec.gpuDetection) }),
    "plugstack.conf": fill(PLUGSTACK_CONF, {}),
    "slurm.conf": fill(SLURM_CONF, {
      cluster,
      clusterName: spec.clusterName,
      alias: SLURM_CONTROLLER_ALIAS,
      auth: AUTH[spec.auth],
      rest: spec.rest.enabled,
      maxNodes: MAX_NODES,
      database: spec.database,
      isTree: switches !== undefined,
      parameters: parametersOf(spec.extraConfiguration),
      nodeSets: nodeSetsOf(spec.partitions),
      partitions: partitionLines(spec.partitions),
    }),
    ...(switches && { "topology.conf": fill(TOPOLOGY_CONF, { switches }) }),
  };
}

function settingsOf(node: SlurmNode, spec: SlurmClusterSpec): SlurmNodeSettings {
  const { jobs } = shareOf(node, spec.resources);
  const gpus = gpuFiles(node).length;
  return { ...jobs, features: [...featuresOf(node, spec)], ...(gpus > 0 && { gres: `gpu:${gpus}` }) };
}

function checked(written: unknown): SlurmClusterSpec {
  const { data, error } = SlurmClusterSpecSchema.safeParse(written ?? {});
  if (data) return data;
  const [issue] = error.issues;
  throw new ConfigurationError(`spec.${(issue?.path ?? []).join(".")}: ${issue?.message ?? "is not valid"}`);
}

/** Not of the spec, so no schema of ours has looked at it. */
function checkWord(text: string, what: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text))
    throw new ConfigurationError(
      `${what} is one word of letters, digits, dots and -, and ${JSON.stringify(text)} is not`,
    );
}

/** Nothing is escaped as in HTML: what is put in was checked. */
function fill(template: string, values: object): string {
  return ejs.render(template, values, { escape: String, cache: true, filename: template });
}

/** Of the files only: a node that comes registers by itself, and slurmctld need not read them again for it. */
function hashOf(files: Readonly<Record<string, string>>): string {
  const hash = createHash("sha256");
  for (const [name, text] of Object.entries(files).toSorted(([one], [other]) => compareText(one, other)))
    hash.update(JSON.stringify([name, text]));
  return hash.digest("hex").slice(0, 16);
}
