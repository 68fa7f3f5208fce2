import type { AgentCertificateAnswer, NodeStatus } from "@cluster-os/api";
import type { Credentials as TlsCredentials } from "@cluster-os/replication/drivers";
import type { Clock, Logger, Rng } from "@cluster-os/std";
import { Access, type Credentials } from "./access.ts";
import type { AgentKube } from "./kube.ts";
import { repeat } from "./repeat.ts";
import { Reporter, type MachineReader } from "./report/reporter.ts";
import { SlurmRole, type SlurmMachine } from "./slurm/role.ts";
import type { SlurmState } from "./slurm/state.ts";
import type { Self } from "./slurm/wish.ts";

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
  /** SLURM on this machine; absent where it is not installed. */
  readonly slurm?: SlurmParts;
  readonly openKube: (credentials: Credentials) => AgentKube;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly pace?: Partial<AgentPace>;
  /** How many times slower than usual the machine is: its Lease lives that much longer. Default 1. */
  readonly patience?: number;
}

export interface SlurmParts {
  readonly machine: SlurmMachine;
  /** What keeps this machine's copy of the controller's state, and speaks to those of others. */
  readonly openState: (surroundings: StateSurroundings) => SlurmState;
}

export interface StateSurroundings {
  /** Undefined while there are none. */
  readonly credentials: () => TlsCredentials | undefined;
  /** The mesh address of a node; undefined for who is no member. */
  readonly meshAddressOf: (name: string) => string | undefined;
  readonly logger: Logger;
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
  /** Looks for changes of SLURM, and at the controller's Lease. Not slowed by patience: a switch of keys has its instant. */
  readonly slurmMs: number;
  /** The same while this machine makes SLURM's controller run. */
  readonly takeOverMs: number;
}

const PACE: AgentPace = {
  accessMs: 2000,
  heartbeatMs: 5000,
  reportMs: 5000,
  rereadMs: 30_000,
  slurmMs: 500,
  takeOverMs: 100,
};

/**
 * Three loops that do not wait for each other: keep access to the API, show that the machine is alive, and report what it
 * is. Where SLURM is installed four more: play its roles, vouch for its controller, keep a copy of what that saves, and look. Runs until `signal` is aborted.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { bootstrap, machine, slurm, clock, rng, logger, patience = 1 } = options;
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
  const self = async (until: AbortSignal): Promise<Self> => {
    const { name, address, mesh } = await reporter.bootstrap(until);
    return { name, address, meshNetwork: mesh?.network };
  };
  await using state = slurm?.openState({
    credentials: () => access.credentials,
    meshAddressOf: (name) => reporter.meshAddressOf(name),
    logger,
  });
  const role =
    slurm && state && new SlurmRole({ machine: slurm.machine, state, self, patience, clock, logger });
  const reporter: Reporter = new Reporter({
    machine,
    bootstrapStatus,
    slurm: () => role?.report(),
    rereadMs: pace.rereadMs * patience,
    patience,
    clock,
    logger,
  });
  const loop = (name: string, everyMs: number, round: (until: AbortSignal) => Promise<void>) =>
    repeat({ name, everyMs: everyMs * patience, round, clock, rng, logger }, signal);
  const heartbeat = (until: AbortSignal) => access.use((kube) => kube.renewLease(clock.wallTime(), until));
  const report = (until: AbortSignal) => access.use((kube) => reporter.round(kube, until));
  const often = (name: string, round: (until: AbortSignal) => Promise<void>) =>
    repeat({ name, everyMs: pace.slurmMs, round, clock, rng, logger }, signal);
  const hurryMs = () => (role?.isTakingOver ? pace.takeOverMs : undefined);
  const hurried = (name: string, round: (until: AbortSignal) => Promise<void>) =>
    repeat({ name, everyMs: pace.slurmMs, hurryMs, round, clock, rng, logger }, signal);
  const slurmLoops = (of: SlurmRole) => [
    hurried("slurm", (until) => access.use((kube) => of.round(kube.slurm(), until))),
    hurried("slurm controller", (until) => access.use((kube) => of.vouch(kube.slurm(), until))),
    often("slurm state", (until) => access.use((kube) => of.keepState(kube.slurm(), until))),
    often("slurm report", (until) => of.look(until)),
  ];
  const keepAccess = loop("access", pace.accessMs, (until) => access.round(until));
  await access.opened(signal);
  await Promise.all([
    keepAccess,
    loop("heartbeat", pace.heartbeatMs, heartbeat),
    loop("report", pace.reportMs, report),
    ...(role ? slurmLoops(role) : []),
  ]);
}
