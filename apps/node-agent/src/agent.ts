import type { AgentCertificateAnswer, NodeStatus } from "@cluster-os/api";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import { Access, type Credentials } from "./access.ts";
import type { AgentKube } from "./kube.ts";
import { repeat } from "./repeat.ts";
import { Reporter, type MachineReader } from "./report/reporter.ts";

/** This machine's bootstrap, as far as node-agent asks it. */
export interface Bootstrap {
  status(signal: AbortSignal): Promise<NodeStatus>;
  agentCertificate(
    request: { readonly csrPem: string },
    signal: AbortSignal,
  ): Promise<AgentCertificateAnswer>;
}

export interface AgentOptions {
  readonly bootstrap: Bootstrap;
  readonly machine: MachineReader;
  readonly openKube: (credentials: Credentials) => AgentKube;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly pace?: Partial<AgentPace>;
  /** How many times slower than usual the machine is: its Lease lives that much longer. Default 1. */
  readonly patience?: number;
}

/** Milliseconds between the rounds of each loop. */
export interface AgentPace {
  /** Whether the certificate is due. */
  readonly accessMs: number;
  /** Renewal of the Lease: a third of its life, so that two may fail in a row. */
  readonly heartbeatMs: number;
  readonly reportMs: number;
  /** How often the API is asked whether the ClusterNode is still as it was left. */
  readonly rereadMs: number;
}

const PACE: AgentPace = { accessMs: 2000, heartbeatMs: 5000, reportMs: 5000, rereadMs: 30_000 };

/**
 * Three loops that do not wait for each other: keep access to the API, show that the machine is alive, and report what it
 * is. Runs until `signal` is aborted.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { bootstrap, machine, clock, rng, logger, patience = 1 } = options;
  const pace = { ...PACE, ...options.pace };
  using access = new Access({
    nodeName: async (until) => (await bootstrap.status(until)).name,
    askForCertificate: (csrPem, until) => bootstrap.agentCertificate({ csrPem }, until),
    openKube: options.openKube,
    clock,
    rng,
    logger,
  });
  const bootstrapStatus = (until: AbortSignal) => bootstrap.status(until);
  const reporter = new Reporter({
    machine,
    bootstrapStatus,
    rereadMs: pace.rereadMs * patience,
    patience,
    clock,
    logger,
  });
  const loop = (name: string, everyMs: number, round: (until: AbortSignal) => Promise<void>) =>
    repeat({ name, everyMs: everyMs * patience, round, clock, rng, logger }, signal);
  const heartbeat = (until: AbortSignal) => access.use((kube) => kube.renewLease(clock.wallTime(), until));
  const report = (until: AbortSignal) => access.use((kube) => reporter.round(kube, until));
  const keepAccess = loop("access", pace.accessMs, (until) => access.round(until));
  await access.opened(signal);
  await Promise.all([
    keepAccess,
    loop("heartbeat", pace.heartbeatMs, heartbeat),
    loop("report", pace.reportMs, report),
  ]);
}
