import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";
import { LabError } from "../lab-error.ts";
import { machineEnvironment } from "../nspawn.ts";
import { quoteForShell, sshPort } from "../qemu.ts";
import { startDaemon } from "./daemon.ts";
import { runProgram, type ExecOptions, type ExecResult } from "./enter.ts";
import { NAMESPACES } from "./ip.ts";
import { acquireLock } from "./lock.ts";
import type { LabStore } from "./store.ts";
import { runTool, toolCommand, type Tools } from "./tools.ts";

/** A machine that is reached by SSH. */
export interface Reach {
  readonly number: number;
  /** Its name on the host, which is that of its network namespace. */
  readonly name: string;
  readonly tools: Tools;
  readonly key: string;
  /** The socket of the one connection that all commands share. */
  readonly control: string;
}

/** An emulated machine may take so long to greet: on a busy host a handshake alone was seen to need 40 s. */
const CONNECT_TIMEOUT_MS = 120_000;
/** What the client says of itself, not of the command it ran. */
const CLIENT_FAILED = 255;

/** The options of a connection by hand; also what `info` shows. */
export function sshArguments({ number, key }: Pick<Reach, "number" | "key">): readonly string[] {
  return [
    ...["-i", key, "-p", String(sshPort(number))],
    // Nobody else is on this wire, and a machine makes its keys at its first boot.
    ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"],
    // The default adds a lattice to the curve, for wires on which somebody listens; it costs seconds here.
    ...["-o", "KexAlgorithms=curve25519-sha256"],
    "root@127.0.0.1",
  ];
}

/** The key that opens the machines of a lab: made for it, and gone with it. */
export async function makeSshKey(store: LabStore, tree: string): Promise<void> {
  const tools = { tree, script: store.script("tools") };
  await rm(store.sshKey, { force: true });
  await runTool(tools, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", store.sshKey]);
}

/** Runs exactly this command in the machine, with a fresh login's environment. */
export async function runBySsh(
  reach: Reach,
  argv: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  await openConnection(reach);
  const isTerminal = options.isInteractive === true && process.stdin.isTTY;
  const environment = {
    ...machineEnvironment(isTerminal ? process.env["TERM"] : undefined),
    ...options.env,
  };
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const command = `cd / && exec ${quoteForShell(["env", "-i", ...variables, ...argv])}`;
  const args = [
    isTerminal ? "-tt" : "-T",
    // Over the connection that is there, and not over one more if it breaks in this very moment.
    ...["-S", reach.control, "-o", "ProxyCommand=false"],
    ...sshArguments(reach),
    command,
  ];
  const [program = "", ...rest] = inNamespace(reach, ["ssh", ...args]);
  const result = await runProgram(`m${reach.number}`, program, rest, {
    ...options,
    // The variables above are the machine's; the client needs those of this host.
    env: hostEnvironment(),
  });
  if (result.exitCode === CLIENT_FAILED && !(await isAnswering(reach.control))) {
    throw new LabError(`the connection to m${reach.number} broke: ${result.stderr.trim()}`);
  }
  return result;
}

/** A socket on this host that leads to one in the machine. */
export async function forwardSocket(reach: Reach, local: string, inMachine: string): Promise<string> {
  await openConnection(reach);
  await using _lock = await lock(reach);
  if (await isAnswering(local)) return local;
  await rm(local, { force: true });
  await runClient(reach, ["-S", reach.control, "-O", "forward", "-L", `${local}:${inMachine}`]);
  return local;
}

/** Makes the connection that all share, if it is not there. It ends with the machine, or with the lab. */
async function openConnection(reach: Reach): Promise<void> {
  if (await isAnswering(reach.control)) return;
  await using _lock = await lock(reach);
  if (await isAnswering(reach.control)) return;
  await rm(reach.control, { force: true });
  const options = [
    ...["-M", "-N", "-S", reach.control, "-o", "BatchMode=yes", "-o", "ConnectionAttempts=1"],
    ...["-o", `ConnectTimeout=${CONNECT_TIMEOUT_MS / 1000}`],
    ...["-o", "ServerAliveInterval=60", "-o", "ServerAliveCountMax=3", "-o", "StreamLocalBindUnlink=yes"],
  ];
  const client = await startDaemon(inNamespace(reach, ["ssh", ...options, ...sshArguments(reach)]), {
    log: `${reach.control}.log`,
    env: hostEnvironment(),
  });
  const outcome = await waitFor(
    async () => ((await isAnswering(reach.control)) && "open") || (hasEnded(client) && "ended"),
    { what: `a connection to m${reach.number}`, timeoutMs: CONNECT_TIMEOUT_MS + 5000, everyMs: 50 },
  );
  if (outcome === "ended") {
    throw new LabError(
      `m${reach.number} cannot be reached by SSH: ${(await readFile(`${reach.control}.log`, "utf8")).trim()}`,
    );
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function inNamespace({ name, tools }: Reach, argv: readonly string[]): readonly string[] {
  return ["nsenter", `--net=${NAMESPACES}/${name}`, ...toolCommand(tools, argv)];
}

async function runClient(reach: Reach, options: readonly string[]): Promise<void> {
  const [program = "", ...args] = inNamespace(reach, ["ssh", ...options, ...sshArguments(reach)]);
  const { exitCode, stderr } = await execa(program, args, { reject: false, cwd: "/", stdin: "ignore" });
  if (exitCode !== 0) throw new LabError(`ssh to m${reach.number} failed: ${stderr?.trim() ?? ""}`);
}

function lock({ name }: Reach): Promise<AsyncDisposable> {
  return acquireLock(`ssh ${name}`, {
    what: "the connection to the machine",
    timeoutMs: CONNECT_TIMEOUT_MS + 10_000,
  });
}

/** Whether somebody listens at a socket of this host. */
async function isAnswering(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function hostEnvironment(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: process.env["HOME"] ?? "/root",
    ...(process.env["TERM"] === undefined ? {} : { TERM: process.env["TERM"] }),
  };
}
