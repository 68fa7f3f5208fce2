import { randomBytes } from "node:crypto";
import {
  readSlurmLease,
  SLURM_CLUSTER_NAME,
  SLURM_OPERATOR_NAME,
  slurmConfigObject,
  slurmKeysObject,
  slurmLeaseObject,
  type SlurmLease,
} from "@cluster-os/api";
import { renderConfig, slurmNodeOf } from "@cluster-os/slurm";
import { clusterOs, must } from "./cluster-os.ts";
import { clusterNodes, meshAddressOf } from "./nodes.ts";
import { slurmCluster } from "./slurm.ts";

/** Whether slurm-operator runs in the cluster. */
export async function hasSlurmOperator(): Promise<boolean> {
  const args = ["kubectl", "get", "deployment", SLURM_OPERATOR_NAME, "--namespace=cluster-os"];
  return (await clusterOs(args)).exitCode === 0;
}

/** What slurm-operator writes for node-agents, once: configuration, keys, and a Lease that names the first machine. */
export async function standInForSlurmOperator(): Promise<void> {
  await renderInItsPlace();
  const secret = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
  const current = { generation: 1, secret: secret(128), madeAt: "2026-01-01T00:00:00Z" };
  await apply(
    slurmKeysObject(SLURM_CLUSTER_NAME, { current, jwt: secret(32), askedBy: "", revocations: "" }),
  );
  const [first] = await clusterNodes();
  await nominate(first?.metadata.name ?? "", 1);
}

/** The configuration anew, after a change of the spec. */
export async function renderInItsPlace(): Promise<void> {
  const { spec } = await slurmCluster();
  const known = (await clusterNodes()).flatMap((node) => slurmNodeOf(node) ?? []);
  await apply(slurmConfigObject(SLURM_CLUSTER_NAME, renderConfig(SLURM_CLUSTER_NAME, spec, known)));
}

/** Names the machine that may run slurmctld in this epoch. */
export async function nominate(holder: string, epoch: number): Promise<void> {
  const leaseSpec = { holderIdentity: holder, leaseDurationSeconds: 8, leaseTransitions: epoch };
  const lease = readSlurmLease({ metadata: {}, spec: leaseSpec }) as SlurmLease;
  const nodes = await clusterNodes();
  const replicas = nodes.map(({ metadata }) => metadata.name);
  await apply(slurmLeaseObject(SLURM_CLUSTER_NAME, { ...lease, replicas, mayFound: epoch === 1 }));
  const node = nodes.find(({ metadata }) => metadata.name === holder);
  const activeController = { node: holder, address: node ? meshAddressOf(node) : "", epoch };
  const patch = JSON.stringify({ status: { activeController } });
  const target = ["slurmcluster", SLURM_CLUSTER_NAME, "--subresource=status", "--type=merge"];
  await must(["kubectl", "patch", ...target, "--patch", patch]);
}

async function apply(object: unknown): Promise<void> {
  const how = ["--server-side", "--force-conflicts", "--filename", "-"];
  await must(["kubectl", "apply", ...how], { input: JSON.stringify(object) });
}
