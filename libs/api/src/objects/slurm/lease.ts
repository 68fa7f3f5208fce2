import { z } from "zod";
import type { PlainObject } from "../kubernetes-object.ts";
import { MANAGED_BY, NAMESPACE } from "../names.ts";
import { slurmLeaseName } from "./names.ts";

/**
 * Who may run slurmctld. This object decides, since each of its versions follows on the one before: the operator names a
 * holder only on the version in which it saw the last one fall silent, and the holder renews only the version in which
 * it is named. SlurmCluster's status shows the same for people.
 */
export interface SlurmLease {
  /** Grows by one with every election. */
  readonly epoch: number;
  /** ClusterNode that may run slurmctld in this epoch, for `leaseSeconds` after each renewal. None: an election. */
  readonly holder?: string;
  readonly leaseSeconds: number;
  /** When it was last renewed: six decimals, RFC 3339. Its changes count, not its value. */
  readonly renewTime?: string;
  /** Nodes that are to keep the controller's state, sorted. */
  readonly replicas: readonly string[];
  /** No controller has ever saved anything: the holder may begin with nothing. False for ever once one has. */
  readonly mayFound: boolean;
  /** The holder is to save everything, to wait until the replicas have it, to stop slurmctld and to give the lease back. */
  readonly isReleaseWanted: boolean;
}

const REPLICAS_ANNOTATION = "cluster-os.dev/slurm-replicas";
const FOUND_ANNOTATION = "cluster-os.dev/slurm-may-found";
const RELEASE_ANNOTATION = "cluster-os.dev/slurm-release";

/** The Lease. With the `resourceVersion` of the one that it follows on, it is taken only if nobody else wrote meanwhile. */
export function slurmLeaseObject(cluster: string, lease: SlurmLease, resourceVersion?: string) {
  const { epoch, holder = "", leaseSeconds, renewTime, replicas, mayFound, isReleaseWanted } = lease;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: slurmLeaseName(cluster),
      namespace: NAMESPACE,
      labels: MANAGED_BY,
      annotations: {
        [REPLICAS_ANNOTATION]: [...replicas].sort().join(","),
        ...(mayFound && { [FOUND_ANNOTATION]: "true" }),
        ...(isReleaseWanted && { [RELEASE_ANNOTATION]: "true" }),
      },
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: leaseSeconds,
      leaseTransitions: epoch,
      ...(renewTime !== undefined && { renewTime }),
    },
  } satisfies PlainObject;
}

const LeaseShape = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({
    holderIdentity: z.string().default(""),
    leaseDurationSeconds: z.int().min(1),
    leaseTransitions: z.int().min(1),
    renewTime: z.string().optional(),
  }),
});

/** What the Lease says; undefined if it cannot be read, which means that nobody may run slurmctld. */
export function readSlurmLease(object: unknown): SlurmLease | undefined {
  const { data: parsed } = LeaseShape.safeParse(object);
  if (!parsed) return undefined;
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, renewTime } = parsed.spec;
  const { annotations } = parsed.metadata;
  return {
    epoch: leaseTransitions,
    ...(holderIdentity !== "" && { holder: holderIdentity }),
    leaseSeconds: leaseDurationSeconds,
    ...(renewTime !== undefined && { renewTime }),
    replicas: (annotations[REPLICAS_ANNOTATION] ?? "").split(",").filter((name) => name !== ""),
    mayFound: annotations[FOUND_ANNOTATION] === "true",
    isReleaseWanted: annotations[RELEASE_ANNOTATION] === "true",
  };
}
