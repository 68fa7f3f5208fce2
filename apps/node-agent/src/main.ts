/** node-agent: reports this machine as a ClusterNode. systemd unit cluster-os-node-agent. */
import { LocalApiClient } from "@cluster-os/api/drivers";
import { readCapabilities, readVersions } from "@cluster-os/hardware";
import { createLogger, systemClock, systemRng } from "@cluster-os/std/drivers";
import { canSetClock, readTracking } from "@cluster-os/time/drivers";
import { runAgent } from "./agent.ts";
import { openKube } from "./drivers/kube.ts";
import { isKubeletHealthy, KUBELET_HEALTH_URL } from "./drivers/kubelet.ts";
import { shutdownSignal } from "./drivers/shutdown.ts";

const logger = createLogger({ level: process.env["CLUSTER_OS_LOG_LEVEL"] ?? "info" });

logger.info("node-agent starts", { pid: process.pid });
await runAgent(
  {
    bootstrap: new LocalApiClient(),
    machine: {
      capabilities: () => readCapabilities("/"),
      versions: () => readVersions("/"),
      isKubeletHealthy: (signal) => isKubeletHealthy(KUBELET_HEALTH_URL, signal),
      clock: async (signal) => ({ tracking: await readTracking(signal), canSetClock: await canSetClock() }),
    },
    openKube,
    clock: systemClock,
    rng: systemRng,
    logger,
  },
  shutdownSignal(),
);
logger.info("node-agent ends");
