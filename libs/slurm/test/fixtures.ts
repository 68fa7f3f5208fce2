import type { SlurmNode } from "@cluster-os/slurm";

/** A machine of 4 processors and 8 GiB, unless told otherwise. */
export function node(name: string, change: Partial<SlurmNode> = {}): SlurmNode {
  return { name, labels: {}, cpus: 4, memoryMib: 8192, gpus: [], ...change };
}

export const THREE: readonly SlurmNode[] = [node("n-a"), node("n-b"), node("n-c")];

const gpu = (address: string, driver?: string) => ({
  address,
  vendor: "NVIDIA" as const,
  ...(driver !== undefined && { driver }),
});

/** Two racks, three GPUs of which one has no driver, and a machine at no rack. */
export const MIXED: readonly SlurmNode[] = [
  node("n-gpu", {
    labels: { rack: "7", class: "gpu" },
    gpus: [gpu("0000:81:00.0", "nvidia"), gpu("0000:41:00.0", "nvidia"), gpu("0000:c1:00.0")],
  }),
  node("n-big", { labels: { rack: "7" }, cpus: 64, memoryMib: 257_000 }),
  node("n-far", { labels: { rack: "8" } }),
  node("n-loose"),
];

/** Everything that can be written in a spec. */
export const RICH = {
  clusterName: "hall2",
  partitions: [
    { name: "all" },
    { name: "gpu", nodeLabels: { class: "gpu" }, priorityTier: 5, maxTime: "2-00", defaultTime: "60" },
    {
      name: "debug",
      default: true,
      nodes: ["n-far", "n-loose"],
      maxNodes: 1,
      exclusive: true,
      state: "Drain",
    },
  ],
  auth: "slurm",
  controller: { replicas: 3 },
  resources: { cpuPercent: 50, memoryPercent: 90 },
  topology: { label: "rack" },
  rest: { enabled: true },
  database: { host: "db.example.org" },
  extraConfiguration: [
    { name: "schedulerparameters", value: "bf_interval=30" },
    { name: "KillWait", value: "10" },
  ],
};
