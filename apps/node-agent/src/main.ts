/** node-agent: reports this machine as a ClusterNode. systemd unit cluster-os-node-agent. */
import { LocalApiClient } from "@cluster-os/api/drivers";
import { readCapabilities, readVersions } from "@cluster-os/hardware";
import { createLogger, systemClock, systemRng } from "@cluster-os/std/drivers";
import { canSetClock, readTracking } from "@cluster-os/time/drivers";
import { runAgent } from "./agent.ts";
import { openKube } from "./drivers/kube.ts";
import { isKubeletHealthy, KUBELET_HEALTH_URL } from "./drivers/kubelet.ts";
import { askPatience } from "./drivers/patience.ts";
import { shutdownSignal } from "./drivers/shutdown.ts";
import { openSlurmState } from "./drivers/slurm-state.ts";
import { hasSlurm, slurmMachine } from "./drivers/slurm-machine.ts";

const logger = createLogger({ level: process.env["CLUSTER_OS_LOG_LEVEL"] ?? "info" });

const signal = shutdownSignal();
const shared = { clock: systemClock, rng: systemRng, logger };

logger.info("node-agent starts", { pid: process.pid });
const patience = await askPatience(shared, signal);
await runAgent(
  {
    bootstrap: new LocalApiClient({ patience }),
    machine: {
      capabilities: () => readCapabilities("/"),
      versions: () => readVersions("/"),
      isKubeletHealthy: (until) => isKubeletHealthy(KUBELET_HEALTH_URL, until, patience),
      clock: async (until) => ({ tracking: await readTracking(until), canSetClock: await canSetClock() }),
    },
    openKube: (credentials) => openKube(credentials, { ...shared, patience }),
    ...((await hasSlurm()) && { slurm: { machine: slurmMachine, openState: openSlurmState } }),
    patience,
    ...shared,
  },
  signal,
);
logger.info("node-agent ends");
