import type {
  AuditAnswer,
  ClusterStatus,
  FirewallReport,
  JoinKeyList,
  LeaveAnswer,
  LeaveRequest,
  RecoverAnswer,
  RecoverRequest,
  MemberList,
  NodeStatus,
  PendingNodeEntry,
  RevokeAnswer,
  RingKeyReport,
  UpgradeReport,
  UpgradeRequest,
} from "@cluster-os/api";
import { CommandError, type Context } from "./command.ts";
import { isMember } from "./witness.ts";

/** What a machine's bootstrap answers. */
export interface LocalApi {
  status(signal?: AbortSignal): Promise<NodeStatus>;
  cluster(signal?: AbortSignal): Promise<ClusterStatus>;
  members(signal?: AbortSignal): Promise<MemberList>;
  firewall(signal?: AbortSignal): Promise<FirewallReport>;
  ringKeys(signal?: AbortSignal): Promise<RingKeyReport>;
  rotateRingKey(signal?: AbortSignal): Promise<RingKeyReport>;
  leave(request?: LeaveRequest, signal?: AbortSignal): Promise<LeaveAnswer>;
  recover(request: RecoverRequest, signal?: AbortSignal): Promise<RecoverAnswer>;
  upgrade(signal?: AbortSignal): Promise<UpgradeReport>;
  upgradeKubernetes(request: UpgradeRequest, signal?: AbortSignal): Promise<UpgradeReport>;
  revoke(node: string, signal?: AbortSignal): Promise<RevokeAnswer>;
  pending(signal?: AbortSignal): Promise<readonly PendingNodeEntry[]>;
  approve(node: string, signal?: AbortSignal): Promise<PendingNodeEntry>;
  joinKeys(signal?: AbortSignal): Promise<JoinKeyList>;
  rotateJoinKey(signal?: AbortSignal): Promise<JoinKeyList>;
  audit(signal?: AbortSignal): Promise<AuditAnswer>;
}

export interface RunOptions {
  /** Variables for the command. Never secrets: anybody on the machine reads them. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Captured {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine that commands talk to. */
export interface Machine {
  /** "m1" in a lab. */
  readonly name: string;
  isRunning(): Promise<boolean>;
  /** Why it does nothing any more although it has power; undefined of one that is well, or off. */
  fault?(): Promise<string | undefined>;
  /** Its local API; throws if the machine is off. */
  api(): Promise<LocalApi>;
  /** Runs a program on this process's terminal and gives its exit code. */
  run(argv: readonly string[], options?: RunOptions): Promise<number>;
  /** Runs a program and gives what it wrote. */
  capture(argv: readonly string[], options?: RunOptions): Promise<Captured>;
}

export interface LogChoice {
  /** Only this unit's lines, as journalctl matches units; everything if left out. */
  readonly unit?: string;
  readonly lines?: number;
  readonly follow: boolean;
}

/** A machine that this host can switch on and off. */
export interface LabMachine extends Machine {
  readonly number: number;
  /** The node name it had when it last wrote a log: for machines that are off. */
  lastNodeName(): Promise<string | undefined>;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** What of it is on this host, and how to get at it by hand: names and values. */
  places(): Promise<readonly { readonly name: string; readonly value: string }[]>;
  /** Writes its journal to standard output; gives journalctl's exit code. */
  logs(choice: LogChoice): Promise<number>;
}

export interface LabUpOptions {
  readonly driver: LabDriver;
  readonly nodes: number;
  /** The text of every machine's /etc/cluster-os/cluster-os.yaml. */
  readonly config: string;
  /** Hears what was done, when it is done. */
  readonly onStep: (what: string) => void;
}

/** What machines of a lab are: containers on this host's kernel, or emulated computers with kernels of their own. */
export type LabDriver = "nspawn" | "qemu";

/** The lab of this host, up or not. */
export interface LabControl {
  /** What `up` boots unless it is told. */
  readonly defaultDriver: LabDriver;
  /** What the environment says of the time for which a lost server is waited for. */
  readonly failedServerGrace?: string;
  /** False in an installed package: on a node there is nothing to boot machines from. */
  readonly isPossible: boolean;
  /** None while it is down. */
  machines(): Promise<readonly LabMachine[]>;
  /** Builds what machines are made of where it is missing, and boots them. */
  up(options: LabUpOptions): Promise<readonly LabMachine[]>;
  /** Splits the network into groups of machines; those in no group are together in one more. */
  partition(groups: readonly (readonly number[])[]): Promise<void>;
  heal(): Promise<void>;
  /** Says whether there was anything to end. */
  down(): Promise<boolean>;
}

/** What commands are about: the machines of the lab if there is one, else the machine they run on. */
export type Site =
  | { readonly kind: "lab"; readonly machines: readonly LabMachine[] }
  | { readonly kind: "node"; readonly machines: readonly [Machine] };

/** Looks for a lab first: on a host that runs one, nobody means the host itself. */
export async function findSite({ lab, thisMachine }: Context): Promise<Site> {
  const machines = await lab.machines();
  return machines.length > 0 ? { kind: "lab", machines } : { kind: "node", machines: [thisMachine] };
}

/** The machine that a command is about: on a node, without a word, that node. */
export async function findMachine(word: string | undefined, context: Context): Promise<Machine> {
  const site = await findSite(context);
  if (word === undefined && site.kind === "node") return context.thisMachine;
  if (word !== undefined) return findLabMachine(word, context);
  throw new CommandError("which machine?", {
    hint: `name one of ${site.machines.map(({ name }) => name).join(", ")}`,
  });
}

/** For commands that handle machines of a lab: throws on a node, where there are none. */
export function requireLab({ lab, program }: Context): void {
  if (lab.isPossible) return;
  throw new CommandError("this is about machines of a lab, and this program was installed on a node", {
    hint: `from a checkout, \`npx cluster-os\`; here, \`${program} status\` and \`${program} doctor\` tell of this node`,
  });
}

/** The machine of the lab that "m2", "2" or a node's name means. */
export async function findLabMachine(word: string, context: Context): Promise<LabMachine> {
  requireLab(context);
  const machines = await context.lab.machines();
  if (machines.length === 0) {
    throw new CommandError(`there is no machine "${word}": the lab is down`, {
      hint: `${context.program} up`,
    });
  }
  const found =
    machines.find(({ name, number }) => word === name || word === String(number)) ??
    (await findByNodeName(word, machines));
  if (found !== undefined) return found;
  const names = machines.map(({ name }) => name).join(", ");
  throw new CommandError(`there is no machine "${word}": the lab has ${names}`, {
    hint: `${context.program} status`,
  });
}

/**
 * A control-plane server's local API: on a node, that node's own, whatever it is (it says where to go); in a lab, of a
 * server that answers, and not of `except` if another one does.
 */
export async function findServer(context: Context, except?: string): Promise<LocalApi> {
  const site = await findSite(context);
  if (site.kind === "node") return context.thisMachine.api();
  const observations = await observe(site.machines);
  const servers = site.machines.filter((_, at) => {
    const status = observations[at]?.status;
    return status?.role === "server" && status.kubernetes.state === "ready" && isMember(status);
  });
  const isExcepted = (at: number): boolean => observations[at]?.status?.name === except;
  const [server] = servers.sort(
    (left, right) =>
      Number(isExcepted(site.machines.indexOf(left))) - Number(isExcepted(site.machines.indexOf(right))),
  );
  if (server) return server.api();
  throw new CommandError("no control-plane server of the lab answers", { hint: `${context.program} status` });
}

/** The node's name that a word means: in a lab people say "m3". A public key stays one. */
export async function findNode(word: string, context: Context): Promise<string> {
  if (/^(n-[a-z2-7]{10}|ed25519:[0-9a-f]{64})$/.test(word)) return word;
  const site = await findSite(context);
  if (site.kind === "lab") {
    const machine = site.machines.find(({ name, number }) => word === name || word === String(number));
    const name = machine && ((await observe([machine]))[0]?.status?.name ?? (await machine.lastNodeName()));
    if (name !== undefined) return name;
  }
  throw new CommandError(`"${word}" is no node`, {
    hint: `name it as \`${context.program} members\` does, or by its public key`,
  });
}

/** What a machine was found to be: off, silent, or with a status. */
export interface Observation {
  readonly machine: string;
  readonly isRunning: boolean;
  /** Why it does nothing any more although it has power. */
  readonly fault?: string;
  /** Absent while its bootstrap does not answer. */
  readonly status: NodeStatus | undefined;
  /** Why there is no status, of a machine that runs. */
  readonly silence: string | undefined;
}

/** Asks all machines at once. */
export function observe(machines: readonly Machine[]): Promise<readonly Observation[]> {
  return Promise.all(machines.map(observeOne));
}

async function observeOne(machine: Machine): Promise<Observation> {
  const seen = { machine: machine.name, isRunning: await machine.isRunning() };
  if (!seen.isRunning) {
    const fault = await machine.fault?.();
    return { ...seen, ...(fault === undefined ? {} : { fault }), status: undefined, silence: undefined };
  }
  try {
    return { ...seen, status: await (await machine.api()).status(), silence: undefined };
  } catch (error) {
    return { ...seen, status: undefined, silence: error instanceof Error ? error.message : String(error) };
  }
}

async function findByNodeName(
  word: string,
  machines: readonly LabMachine[],
): Promise<LabMachine | undefined> {
  const observations = await observe(machines);
  for (const [index, machine] of machines.entries()) {
    const name = observations[index]?.status?.name ?? (await machine.lastNodeName());
    if (name === word) return machine;
  }
  return undefined;
}
