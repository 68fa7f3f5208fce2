import {
  apiVersionOf,
  ClusterNode,
  kubernetesSchema,
  ROTATE_KEYS_ANNOTATION,
  SlurmCluster,
  SlurmToken,
  type PrinterColumn,
  type ResourceDefinition,
} from "@cluster-os/api";
import { fieldsOf, fieldTable, table } from "./fields.ts";
import { page } from "./pages.ts";

/** How to see objects of a kind. */
function opening(resource: ResourceDefinition): string {
  const { plural, shortNames, categories, description, scope } = resource;
  const where = scope === "Cluster" ? "cluster-wide" : "in a namespace";
  const short = shortNames.map((name) => `\`kubectl get ${name}\``).join(", ");
  return `${description} API version \`${apiVersionOf(resource)}\`, ${where}. \`kubectl get ${plural}\`, for short ${short}; with everything else of Cluster-OS, \`kubectl get ${categories.join("`, `")}\`.`;
}

function columnTable(columns: readonly PrinterColumn[]): string {
  return table(
    ["column", "from", "meaning"],
    columns.map(({ name, jsonPath, description, isWide = false }) => [
      isWide ? `${name} (\`-o wide\`)` : name,
      `\`${jsonPath}\``,
      description,
    ]),
  );
}

export function clusterNodePage(): string {
  const { kind, columns, spec, status } = ClusterNode;
  const statusSchema = kubernetesSchema(status);
  return page(
    kind,
    opening(ClusterNode),
    "The servers' bootstrap creates it when a node is admitted. node-agent on that machine keeps its status, and may touch no other node's.",
    "## Columns",
    columnTable(columns),
    "## Conditions",
    table(
      ["type", "writer", "True means"],
      [
        [
          "Ready",
          "servers' bootstrap",
          "node-agent renews its Lease, the mesh is connected and Kubernetes runs. Unknown once the Lease has expired",
        ],
        [
          "Member",
          "servers' bootstrap",
          "the node takes part: it has not left, and does not wait for approval",
        ],
        ["IdentityVerified", "servers' bootstrap", "the node proved to have the admitted key"],
        [
          "RootKeysExposed",
          "servers' bootstrap",
          "a server was revoked, and the keys it had are still in use ([guide](../guides/revoking-nodes.md)); on servers only, and absent otherwise",
        ],
        [
          "MeshConnected",
          "node-agent",
          "a handshake within three minutes with at least half of the living peers",
        ],
        ["KubernetesReady", "node-agent", "the kubelet answers its health check"],
        [
          "ClockSynchronized",
          "node-agent",
          "the clock is within half a second of what the cluster follows; in a container, that of its host",
        ],
        ["SlurmRegistered", "node-agent", "SLURM knows the machine and gives it jobs"],
      ],
    ),
    "There is no `phase`. Each condition has `observedGeneration`, and `lastTransitionTime` stands still while the status does.",
    "## spec",
    fieldTable(fieldsOf(kubernetesSchema(spec))),
    "## status",
    fieldTable(fieldsOf(statusSchema)),
    "Rules beyond types: `nodeID` never changes and never goes away once it is set.",
    "Ages of handshakes and byte counts are not here but in the [local API](local-api.md): they change without end, and each change would be a write to etcd.",
  );
}

export function slurmClusterPage(): string {
  const { kind, columns, rules, spec, status } = SlurmCluster;
  return page(
    kind,
    opening(SlurmCluster),
    `${rules.map(({ message }) => message).join("; ")}. Without one, slurm-operator makes it, of every node. [An example](../examples/slurmcluster.yaml).`,
    "## Columns",
    columnTable(columns),
    "## Conditions",
    table(
      ["type", "True means"],
      [
        ["Ready", "a controller runs with the present configuration, and a node takes jobs"],
        ["ControllerAvailable", "slurmctld runs on the machine that was chosen for it"],
        ["StateReplicated", "a majority of the replicas has all that the controller saved"],
        ["FailoverReady", "another machine could take over now without losing what was saved"],
        [
          "ConfigApplied",
          "slurmctld runs with the configuration as rendered; where it refuses it, its own words stand here",
        ],
        ["KeysSynced", "every node that answers has the keys that it is to have"],
      ],
    ),
    "All are written by slurm-operator. There is no `phase`.",
    "## Annotations",
    table(
      ["annotation", "meaning"],
      [[`\`${ROTATE_KEYS_ANNOTATION}\``, "any other value than before: the keys are replaced now"]],
    ),
    "## spec",
    fieldTable(fieldsOf(kubernetesSchema(spec))),
    "## status",
    fieldTable(fieldsOf(kubernetesSchema(status))),
  );
}

export function slurmTokenPage(): string {
  const { kind, columns, spec, status } = SlurmToken;
  return page(
    kind,
    opening(SlurmToken),
    "slurm-operator keeps the Secret, of type `cluster-os.dev/slurm-token`; it goes with the SlurmToken. [How it is used](../guides/slurm.md#the-rest-api).",
    "Who may make SlurmTokens may act in SLURM as any of its users: of Kubernetes' own roles only cluster-admin gives that right.",
    "## Columns",
    columnTable(columns),
    "## The Secret",
    table(
      ["entry", "what"],
      [
        ["`SLURM_JWT`", "the token, for header `X-SLURM-USER-TOKEN`"],
        ["`SLURM_USER_NAME`", "whose it is, for header `X-SLURM-USER-NAME`"],
        ["`SLURMRESTD_URL`", "where pods find the REST API"],
      ],
    ),
    "Where there is to be no token, a Secret that was there is empty.",
    "## Condition Ready",
    table(
      ["reason", "meaning"],
      [
        ["`Issuing`", "a token is being made"],
        [
          "`KeyPending`",
          "the Secret has a token, and slurmctld is yet to take the key that it is signed with: some seconds after a rotation; or none runs",
        ],
        ["`Issued`", "the Secret has a token, and slurmctld takes it"],
        ["`RestDisabled`", "`spec.rest.enabled` of the SlurmCluster is false"],
        ["`UserUnknown`", "the SlurmCluster has no such user"],
        ["`UserOfSystem`", "the user's number is below 1000, which a SlurmCluster refuses, too"],
        [
          "`NoSlurmCluster`, `NoKeys`",
          "there is none that can be read, or no keys; the Secret stays as it is",
        ],
        ["`SpecInvalid`", "the message names the field"],
        ["`SecretRefused`", "the API server's words say why; a Secret of another type has the name"],
      ],
    ),
    "## spec",
    fieldTable(fieldsOf(kubernetesSchema(spec))),
    "## status",
    fieldTable(fieldsOf(kubernetesSchema(status))),
  );
}
