import {
  findCondition,
  setCondition,
  type ClusterNodeStatus,
  type Condition,
  type NodeCapabilities,
  type NodeStatus,
  type SlurmNodeStatus,
} from "@cluster-os/api";
import type { MachineVersions } from "@cluster-os/hardware";
import { judgeClock, type ClockObserved } from "@cluster-os/time";
import {
  judgeKubernetes,
  judgeMesh,
  judgeSlurm,
  type Judgement,
  type KubeletObserved,
} from "./conditions.ts";
import { meshReach, meshReport } from "./mesh.ts";

/** Conditions that node-agent writes; the servers own the others. */
export const OWN_CONDITIONS: readonly string[] = [
  "MeshConnected",
  "KubernetesReady",
  "ClockSynchronized",
  "SlurmRegistered",
];

/** Everything a report is made from, as it is now. */
export interface ReportObserved {
  readonly capabilities: NodeCapabilities;
  readonly versions: MachineVersions;
  /** What bootstrap last said of this machine. */
  readonly node: NodeStatus;
  /** Whether bootstrap was silent for so long that what it said of the mesh is not worth repeating. */
  readonly isStale: boolean;
  readonly kubelet: KubeletObserved;
  readonly clock: ClockObserved;
  readonly slurm?: SlurmNodeStatus | undefined;
  /** Generation of the ClusterNode, and its status as the API has it. */
  readonly generation: number;
  readonly current: ClusterNodeStatus | undefined;
}

/** This machine's part of its ClusterNode's status. The same observations give the same report. */
export function planStatus(observed: ReportObserved, wallTimeMs: number): ClusterNodeStatus {
  const { node, capabilities, versions, generation } = observed;
  const { mesh } = node;
  return {
    nodeID: node.nodeId,
    ...(node.index !== undefined && { index: node.index }),
    ...(node.label !== undefined && { label: node.label }),
    roles: [...node.roles].sort(),
    rolesText: [...node.roles].sort().join(","),
    capabilities,
    addresses: addressesOf(node),
    ...(mesh && { mesh: meshReport(mesh, wallTimeMs) }),
    versions: { clusterOs: node.version, ...versions },
    ...(observed.slurm && { slurm: observed.slurm }),
    conditions: conditionsOf(observed, wallTimeMs),
    observedGeneration: generation,
  };
}

function addressesOf(node: NodeStatus): NonNullable<ClusterNodeStatus["addresses"]> {
  const mesh = node.address === undefined ? [] : [{ type: "Mesh" as const, address: node.address }];
  const underlay = [...node.underlayAddresses]
    .sort()
    .map((address) => ({ type: "Underlay" as const, address }));
  return [...mesh, ...underlay];
}

function conditionsOf(observed: ReportObserved, wallTimeMs: number): Condition[] {
  const { node, isStale, kubelet, generation } = observed;
  const own = (observed.current?.conditions ?? []).filter(({ type }) => OWN_CONDITIONS.includes(type));
  const reach = node.mesh && !isStale ? meshReach(node.mesh, wallTimeMs) : undefined;
  const judgements = [
    judgeMesh(reach),
    judgeKubernetes(node.kubernetes.state, kubelet),
    judgeClock(observed.clock),
    judgeSlurm(observed.slurm),
  ];
  const nowIso = new Date(Math.floor(wallTimeMs / 1000) * 1000).toISOString().replace(".000Z", "Z");
  return judgements
    .filter((judgement): judgement is Judgement => judgement !== undefined)
    .reduce(
      (conditions, judgement) => {
        return setCondition(conditions, { ...judgement, observedGeneration: generation }, nowIso);
      },
      carriedOver(own, generation),
    );
}

/** What is not judged again this time stands as it was, for the spec as it is. */
function carriedOver(own: readonly Condition[], generation: number): Condition[] {
  return OWN_CONDITIONS.flatMap((type) => findCondition(own, type) ?? []).map((condition) => ({
    ...condition,
    observedGeneration: generation,
  }));
}
