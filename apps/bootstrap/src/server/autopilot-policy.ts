import { durationMs, type ClusterConfigFile } from "@cluster-os/api";
import { DEFAULT_AUTOPILOT_POLICY, type AutopilotPolicy } from "@cluster-os/election";

/** Autopilot's policy by the cluster's file; on machines that are slow, everything else has so much more time. */
export function autopilotPolicy(config: ClusterConfigFile): AutopilotPolicy {
  const { failedServerGrace, maxServers, patience = 1 } = config;
  const usual = DEFAULT_AUTOPILOT_POLICY;
  return {
    maxVoters: maxServers ?? usual.maxVoters,
    graceMs: failedServerGrace === undefined ? usual.graceMs : durationMs(failedServerGrace),
    stabilisationMs: usual.stabilisationMs * patience,
    joinerGraceMs: usual.joinerGraceMs * patience,
    joinPatienceMs: usual.joinPatienceMs * patience,
  };
}
