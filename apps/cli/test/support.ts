import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type {
  AuditAnswer,
  ClusterStatus,
  FirewallReport,
  JoinKeyList,
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
import { seededRng } from "@cluster-os/std";
import { expect } from "chai";
import type { Context, Output } from "../src/command.ts";
import { runCommandLine } from "../src/run-command-line.ts";
import type { Captured, LabControl, LabMachine, LabUpOptions, LogChoice, Machine } from "../src/site.ts";

export const NAMES = ["n-aaaaaaaaaa", "n-bbbbbbbbbb", "n-cccccccccc"] as const;
export const NOW_MS = 1_700_000_000_000;

/** A machine as a test wants it. */
export class FakeMachine implements LabMachine {
  readonly name: string;
  readonly number: number;
  on = true;
  answer: NodeStatus | Error;
  cluster: ClusterStatus = { nodes: [], controlPlane: { voters: [], learners: [] } };
  firewall: FirewallReport = { mode: "on", isInPlace: false, rules: [], changes: [], sshPorts: [22] };
  /** What it says of ring keys, one look after the other. */
  ringKeys: RingKeyReport[] = [];
  looks = 0;
  /** What was run here, each with its words joined. */
  readonly ran: string[] = [];
  exitCode = 0;
  recovery: RecoverAnswer = { state: "3 of 3 voters are healthy", lost: [], isDone: false };
  /** What it says of an upgrade, one look after the other. */
  upgrades: UpgradeReport[] = [];
  /** How a departure goes, until it is through. */
  leaving: () => Promise<void> = () => Promise.resolve();
  captured: Captured = { exitCode: 1, stdout: "", stderr: "" };
  waiting: readonly PendingNodeEntry[] = [];
  log: AuditAnswer = { genesis: "", entries: [] };
  revoked: RevokeAnswer = {
    name: NAMES[2],
    nodeId: `ed25519:${"c".repeat(64)}`,
    revokedAt: "2026-01-01T00:00:00.000Z",
    wasServer: false,
    retiredJoinKeys: [],
  };
  /** What certain programs write, by their first words; others write `captured`. */
  readonly outputs = new Map<string, string>();

  constructor(number: number, answer: NodeStatus | Error = nodeStatus(number)) {
    this.number = number;
    this.name = `m${number}`;
    this.answer = answer;
  }

  /** What it says at the next looks; the last of them, or `answer`, from then on. */
  readonly answersInTurn: (NodeStatus | Error)[] = [];

  isRunning = (): Promise<boolean> => Promise.resolve(this.on);
  api = () =>
    Promise.resolve({
      status: () => this.#status(),
      cluster: () => Promise.resolve(this.cluster),
      members: () => Promise.resolve(MEMBERS),
      firewall: () => Promise.resolve(this.firewall),
      ringKeys: () => Promise.resolve(this.ringKeys[Math.min(this.looks++, this.ringKeys.length - 1)]!),
      rotateRingKey: () => Promise.resolve(this.ringKeys[0]!),
      leave: (request?: LeaveRequest) => {
        this.ran.push(`leave ${JSON.stringify(request)}`);
        return this.leaving().then(() => ({ name: NAMES[this.number - 1] ?? "", clusterId: "c0ffee" }));
      },
      recover: (request: RecoverRequest) => {
        this.ran.push(`recover ${JSON.stringify(request)}`);
        return Promise.resolve(this.recovery);
      },
      upgrade: () => this.#upgrade(),
      upgradeKubernetes: (request: UpgradeRequest) => {
        this.ran.push(`upgrade ${JSON.stringify(request)}`);
        return this.#upgrade();
      },
      pending: () => Promise.resolve(this.waiting),
      approve: (node: string) => {
        this.ran.push(`approve ${node}`);
        return Promise.resolve(WAITING);
      },
      joinKeys: () => Promise.resolve(JOIN_KEYS),
      rotateJoinKey: () => Promise.resolve(JOIN_KEYS),
      audit: () => Promise.resolve(this.log),
      revoke: (node: string) => {
        this.ran.push(`revoke ${node}`);
        return Promise.resolve(this.revoked);
      },
    });
  run = (argv: readonly string[]): Promise<number> => {
    this.ran.push(argv.join(" "));
    return Promise.resolve(this.exitCode);
  };
  capture = (argv: readonly string[]): Promise<Captured> => {
    this.ran.push(argv.join(" "));
    for (const [words, stdout] of this.outputs)
      if (argv.join(" ").startsWith(words)) return Promise.resolve({ exitCode: 0, stdout, stderr: "" });
    return Promise.resolve(this.captured);
  };
  lastNodeName = (): Promise<string | undefined> => Promise.resolve(NAMES[this.number - 1]);
  kill = (): Promise<void> => Promise.resolve(void (this.on = false));
  start = (): Promise<void> => Promise.resolve(void (this.on = true));
  /** What its kernel said last, if it stopped. */
  lastWords: string | undefined;
  fault = (): Promise<string | undefined> => Promise.resolve(this.lastWords);
  places = () => Promise.resolve([{ name: "console", value: `/lab/${this.name}/console.log` }]);
  logs = (choice: LogChoice): Promise<number> =>
    Promise.resolve(void this.ran.push(JSON.stringify(choice))).then(() => 0);

  /** The next look; the last one again and again. */
  #upgrade(): Promise<UpgradeReport> {
    const report = this.upgrades.length > 1 ? this.upgrades.shift() : this.upgrades[0];
    return report ? Promise.resolve(report) : Promise.reject(new Error("bootstrap starts anew"));
  }

  #status(): Promise<NodeStatus> {
    this.answer = this.answersInTurn.shift() ?? this.answer;
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  }
}

export const WAITING: PendingNodeEntry = {
  name: "n-dddddddddd",
  nodeId: `ed25519:${"d".repeat(64)}`,
  appliedAt: "2026-01-01T00:00:00.000Z",
  isApproved: false,
};

export const JOIN_KEYS: JoinKeyList = [
  { id: "a".repeat(16), joinKey: "bmV3", isRetired: false, isGiven: false },
  { id: "b".repeat(16), joinKey: "b2xk", isRetired: true, isGiven: true },
];

export class FakeLab implements LabControl {
  isPossible = true;
  readonly defaultDriver = "nspawn";
  present: readonly FakeMachine[];
  readonly booted: LabUpOptions[] = [];

  constructor(...machines: readonly FakeMachine[]) {
    this.present = machines;
  }

  machines = (): Promise<readonly LabMachine[]> => Promise.resolve(this.present);
  up = (options: LabUpOptions): Promise<readonly LabMachine[]> => {
    this.booted.push(options);
    options.onStep("checked this host");
    this.present = Array.from({ length: options.nodes }, (_, index) => new FakeMachine(index + 1));
    return Promise.resolve(this.present);
  };
  /** As machines are grouped; undefined while the network is whole. */
  groups: readonly (readonly number[])[] | undefined;
  partition = (groups: readonly (readonly number[])[]): Promise<void> =>
    Promise.resolve(void (this.groups = groups));
  heal = (): Promise<void> => Promise.resolve(void (this.groups = undefined));
  down = (): Promise<boolean> => {
    const wasThere = this.present.length > 0;
    this.present = [];
    return Promise.resolve(wasThere);
  };
}

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line against a fake lab, time passing at each look at the clock. */
export async function type(
  line: string,
  {
    lab = new FakeLab(),
    thisMachine = absent(),
    isTerminal = false,
    secondsPerLook = 1,
  }: { lab?: LabControl; thisMachine?: Machine; isTerminal?: boolean; secondsPerLook?: number } = {},
): Promise<Ended> {
  const written = { stdout: "", stderr: "" };
  const output = (stream: "stdout" | "stderr"): Output => ({
    write: (text) => void (written[stream] += text),
    isTerminal,
    columns: 60,
  });
  let seconds = 0;
  const context: Context = {
    stdout: output("stdout"),
    stderr: output("stderr"),
    program: "cluster-os",
    version: "0.1.0",
    lab,
    thisMachine,
    clock: { now: () => (seconds += secondsPerLook) * 1000, wallTime: () => NOW_MS },
    rng: seededRng(7),
    pollMs: 1,
  };
  const exitCode = await runCommandLine(
    line.split(" ").filter((word) => word !== ""),
    context,
  );
  return { exitCode, ...written };
}

/** Compares with a file in test/golden; UPDATE_GOLDEN=1 writes it. */
export function expectGolden(name: string, actual: string): void {
  const path = join(import.meta.dirname, "golden", name);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, actual);
  expect(actual).to.equal(readFileSync(path, "utf8"));
}

/** A healthy member of a cluster of three. */
export function nodeStatus(number: number, change: Partial<NodeStatus> = {}): NodeStatus {
  const others = [1, 2, 3].filter((other) => other !== number);
  return {
    name: NAMES[number - 1] ?? "",
    nodeId: `ed25519:${String(number).repeat(64)}`,
    version: "0.1.0",
    lifecycle: "serve",
    clusterId: "00112233445566778899aabbccddeeff",
    index: number,
    role: "server",
    roles: ["control-plane", "worker"],
    address: `10.86.0.${number}`,
    underlayAddresses: ["fe80::1"],
    discovery: { interfaces: ["eth0"], candidates: 1, beaconsSent: 9, beaconsHeard: 7, unheardBy: 0 },
    epoch: 0,
    kubernetes: { state: "ready", epoch: 0 },
    members: { alive: 3, suspect: 0, failed: 0, left: 0 },
    controlPlane: { voters: voters(), learners: [], leader: NAMES[0] },
    mesh: {
      interface: "cos0",
      network: "10.86.0.0/16",
      implementation: "userspace",
      peers: others.map((other) => ({
        name: NAMES[other - 1] ?? "",
        address: `10.86.0.${other}`,
        isAlive: true,
        endpoint: `[fe80::${other}%eth0]:51820`,
        lastHandshakeMs: NOW_MS - 5_000 * other,
        rxBytes: 2048 * other,
        txBytes: 3 * 2 ** 20,
      })),
    },
    clockOffsets: [],
    problems: [],
    steps: [
      { name: "searching", atMs: 10 },
      { name: "admitted", atMs: 1500 },
    ],
    counters: {},
    ...change,
  };
}

/** The cluster of these three, some of them not healthy. */
export function clusterStatus(...failed: readonly number[]): ClusterStatus {
  return {
    clusterId: "00112233445566778899aabbccddeeff",
    nodes: [1, 2, 3].map((number) => ({
      index: number,
      name: NAMES[number - 1] ?? "",
      nodeId: `ed25519:${String(number).repeat(64)}`,
      address: `10.86.0.${number}`,
      roles: ["control-plane", "worker"],
      status: failed.includes(number) ? ("failed" as const) : ("healthy" as const),
    })),
    controlPlane: {
      voters: voters(...failed),
      learners: [],
      leader: NAMES.find((_, index) => !failed.includes(index + 1)),
    },
  };
}

/** The same machine once it was revoked and knows it: it goes on telling what it last saw. */
export function revoked(status: NodeStatus): NodeStatus {
  return { ...status, problems: [{ kind: "revoked", message: "this node was revoked" }] };
}

export const MEMBERS: MemberList = [
  {
    name: NAMES[0],
    node_id: `ed25519:${"1".repeat(64)}`,
    roles: ["control-plane", "worker"],
    capabilities: { cpu: 16, ram: "64GB", gpu: false },
    status: "healthy",
  },
  {
    name: NAMES[1],
    node_id: `ed25519:${"2".repeat(64)}`,
    roles: [],
    capabilities: { cpu: 0, ram: "0GB", gpu: false },
    status: "removed",
  },
];

/** What kubectl gives for ClusterNodes of which the first `ready` are Ready. */
export function clusterNodes(ready: number): Captured {
  const items = NAMES.map((name, index) => ({
    metadata: { name },
    status: { conditions: [{ type: "Ready", status: index < ready ? "True" : "Unknown" }] },
  }));
  return { exitCode: 0, stdout: JSON.stringify({ items }), stderr: "" };
}

function voters(...failed: readonly number[]) {
  return [1, 2, 3].map((index) => ({
    index,
    name: NAMES[index - 1] ?? "",
    healthy: !failed.includes(index),
  }));
}

/** A host that is no node: nothing answers on its socket. */
function absent(): Machine {
  return new FakeMachine(0, new Error("bootstrap is not running on this machine"));
}
