import { describeError, toHex, type Clock, type Logger, type Rng } from "@cluster-os/std";
import { createLogger, systemClock, systemRng } from "@cluster-os/std/drivers";
import { KubeClient } from "../client/client.ts";
import { connectionFromKubeconfig, connectionInCluster } from "../client/connection.ts";
import type { Manager } from "./manager.ts";
import { KubeMetrics } from "./metrics.ts";
import { operatorSettings, operatorUsage, type OperatorSettings } from "./operator-settings.ts";

/** What an operator is made with: how it reaches the API, and who it is. */
export interface OperatorContext {
  readonly client: KubeClient;
  readonly metrics: KubeMetrics;
  /** This process, unlike any other and any earlier one: the pod's name and a number of its own. */
  readonly identity: string;
  /** Where /healthz, /readyz and /metrics are. */
  readonly listen: { readonly port: number; readonly host?: string };
  /** How many times slower than usual the machines are. Default 1. */
  readonly patience?: number;
  /** The lease is lost: end the process. */
  readonly onLost: (error: Error) => void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

export interface OperatorProgram {
  readonly name: string;
  /** Everything of it, ready to run. */
  readonly create: (context: OperatorContext) => Manager;
}

const CALL_TIMEOUT_MS = 30_000;

/** The whole life of an operator's process, from its arguments to a graceful stop at SIGTERM. */
export async function runOperator({ name, create }: OperatorProgram): Promise<void> {
  let settings: OperatorSettings | "help";
  try {
    settings = operatorSettings(name, process.argv.slice(2), process.env);
  } catch (error) {
    console.error(`${describeError(error)}\n${operatorUsage(name)}`);
    process.exitCode = 2;
    return;
  }
  if (settings === "help") return console.log(operatorUsage(name));
  const { kubeconfig, port, logLevel, patience, candidate } = settings;
  const logger = createLogger({ level: logLevel });
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
  try {
    const connection =
      kubeconfig === undefined ? await connectionInCluster() : await connectionFromKubeconfig(kubeconfig);
    const metrics = new KubeMetrics();
    using client = new KubeClient(connection, {
      userAgent: `cluster-os-${name}`,
      timeoutMs: CALL_TIMEOUT_MS * patience,
      onRequest: metrics.onRequest,
    });
    const operator = create({
      client,
      metrics,
      // A process that was started anew in the same pod is another candidate.
      identity: `${candidate}_${toHex(systemRng.bytes(4))}`,
      listen: { port },
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
}
