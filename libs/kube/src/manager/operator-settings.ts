import { parseArgs } from "node:util";

/** What an operator is told when it is started. */
export interface OperatorSettings {
  /** File of a kubeconfig; absent in a pod, which has a service account. */
  readonly kubeconfig?: string;
  /** Where /healthz, /readyz and /metrics are. */
  readonly port: number;
  readonly logLevel: string;
  /** How many times slower than usual the machines are. */
  readonly patience: number;
  /** The pod's name; the operator's where there is none. */
  readonly candidate: string;
}

const LOG_LEVELS = ["debug", "info", "warn", "error"];

export function operatorUsage(name: string): string {
  return `usage: ${name} [--kubeconfig FILE] [--port PORT] [--log-level LEVEL]
Without a kubeconfig it is a pod's service account. PORT (default 8080) serves /healthz, /readyz and /metrics.
LEVEL is ${LOG_LEVELS.join(", ")} (default info).
The variable CLUSTER_OS_PATIENCE says how many times slower than usual the machines are (default 1).`;
}

/** Settings of the operator of this name, from its arguments and its environment; "help" if it is only asked how to use it. */
export function operatorSettings(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): OperatorSettings | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kubeconfig: { type: "string" },
      port: { type: "string", default: "8080" },
      "log-level": { type: "string", default: "info" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { kubeconfig, "log-level": logLevel } = values;
  if (!LOG_LEVELS.includes(logLevel))
    throw new Error(`--log-level is ${LOG_LEVELS.join(", ")}, not "${logLevel}"`);
  return {
    ...(kubeconfig !== undefined && { kubeconfig }),
    port: portOf(values.port),
    logLevel,
    patience: patienceOf(environment["CLUSTER_OS_PATIENCE"] ?? "1"),
    candidate: environment["POD_NAME"] ?? name,
  };
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^[0-9]+$/.test(text) && port <= 65_535) return port;
  throw new Error(`--port is a number from 0 (a free one) to 65535, not "${text}"`);
}

function patienceOf(text: string): number {
  const patience = Number(text);
  if (patience >= 1 && Number.isFinite(patience)) return patience;
  throw new Error(`CLUSTER_OS_PATIENCE is a number of at least 1, not "${text}"`);
}
