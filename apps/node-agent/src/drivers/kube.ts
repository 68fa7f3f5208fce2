import {
  AGENT_LEASE_SECONDS,
  agentLeaseName,
  CLUSTER_NODE_API_VERSION,
  ClusterNode,
  NAMESPACE,
  type ClusterNodeObject,
} from "@cluster-os/api";
import { KubeClient, microTime, resourceOfDefinition, RESOURCES } from "@cluster-os/kube";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import type { Credentials } from "../access.ts";
import type { AgentKube, SeenNode } from "../kube.ts";
import { SlurmWatch } from "./slurm-kube.ts";

/** Field manager of what node-agent applies; the servers' conditions have another. */
export const FIELD_MANAGER = "cluster-os-node-agent";

/** The Lease lives three times as long: a call that hangs costs one renewal, not the node. */
const CALL_TIMEOUT_MS = 4000;

const CLUSTER_NODES = resourceOfDefinition<ClusterNodeObject>(ClusterNode);

export interface OpenOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** How many times slower than usual the machine is: every call may take so many times longer. Default 1. */
  readonly patience?: number;
}

/** Opens the API with a certificate in memory. */
export function openKube(credentials: Credentials, options: OpenOptions): AgentKube {
  const { clock, rng, logger, patience = 1 } = options;
  const { server, caPem, certificatePem, keyPem, nodeName: name } = credentials;
  const client = new KubeClient(
    { server, ca: caPem, credentials: { cert: certificatePem, key: keyPem } },
    { timeoutMs: CALL_TIMEOUT_MS * patience, userAgent: FIELD_MANAGER },
  );
  const node = { apiVersion: CLUSTER_NODE_API_VERSION, kind: ClusterNode.kind, metadata: { name } };
  const lease = { name: agentLeaseName(name), namespace: NAMESPACE };
  let slurm: SlurmWatch | undefined;
  return {
    readNode: async (signal) => seen(await client.get(CLUSTER_NODES, { name }, { signal })),
    applyStatus: async (status, signal) => {
      const options = { fieldManager: FIELD_MANAGER, force: true, subresource: "status", signal };
      return seen(await client.apply(CLUSTER_NODES, { ...node, status }, options));
    },
    renewLease: async (wallTimeMs, signal) => {
      const renewTime = microTime(wallTimeMs);
      const leaseDurationSeconds = Math.ceil(AGENT_LEASE_SECONDS * patience);
      const spec = { holderIdentity: name, leaseDurationSeconds, renewTime };
      await client.patch(RESOURCES.lease, lease, { spec }, { signal });
    },
    slurm: () => (slurm ??= new SlurmWatch({ client, clock, rng, logger })),
    [Symbol.dispose]: () => {
      slurm?.[Symbol.dispose]();
      client[Symbol.dispose]();
    },
  };
}

function seen({ metadata, status }: ClusterNodeObject): SeenNode {
  return { generation: metadata.generation ?? 0, status };
}
