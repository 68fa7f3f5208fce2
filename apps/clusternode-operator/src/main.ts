import { parseArgs } from "node:util";
import { connectionFromKubeconfig, connectionInCluster, KubeClient } from "@cluster-os/kube";
import { KubeMetrics } from "@cluster-os/kube/metrics";
import { describeError, toHex } from "@cluster-os/std";
import { createLogger, systemClock, systemRng } from "@cluster-os/std/drivers";
import { createOperator } from "./operator.ts";

const USAGE = `usage: clusternode-operator [--kubeconfig FILE] [--port PORT] [--log-level LEVEL]
Without a kubeconfig it is a pod's service account. PORT (default 8080) serves /healthz, /readyz and /metrics.
The variable CLUSTER_OS_PATIENCE says how many times slower than usual the machines are (default 1).`;

const CALL_TIMEOUT_MS = 30_000;

const { values } = parseArgs({
  options: {
    kubeconfig: { type: "string" },
    port: { type: "string", default: "8080" },
    "log-level": { type: "string", default: "info" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const logger = createLogger({ level: values["log-level"] });
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());

try {
  const patience = readPatience(process.env["CLUSTER_OS_PATIENCE"] ?? "1");
  const connection =
    values.kubeconfig === undefined
      ? await connectionInCluster()
      : await connectionFromKubeconfig(values.kubeconfig);
  const metrics = new KubeMetrics();
  using client = new KubeClient(connection, {
    userAgent: "cluster-os-clusternode-operator",
    timeoutMs: CALL_TIMEOUT_MS * patience,
    onRequest: metrics.onRequest,
  });
  const operator = createOperator({
    client,
    metrics,
    // A process that was started anew in the same pod is another candidate.
    identity: `${process.env["POD_NAME"] ?? "clusternode-operator"}_${toHex(systemRng.bytes(4))}`,
    listen: { port: Number(values.port) },
    patience,
    onLost: () => process.exit(1),
    clock: systemClock,
    rng: systemRng,
    logger,
  });
  await operator.run(stopping.signal);
} catch (error) {
  logger.error("the operator ends", { error: describeError(error) });
  process.exitCode = 1;
}

function readPatience(text: string): number {
  const patience = Number(text);
  if (patience >= 1) return patience;
  throw new Error(`CLUSTER_OS_PATIENCE is a number of at least 1, not "${text}"`);
}
