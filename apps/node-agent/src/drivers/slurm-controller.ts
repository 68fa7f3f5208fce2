import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { SlurmConfig } from "@cluster-os/api";
import { FencerClient } from "@cluster-os/fencer";
import {
  parseJobs,
  parseNodes,
  planDrains,
  planRepeats,
  QUEUE_QUESTION,
  signerOf,
  summarise,
  unsavedNode,
  unsavedStart,
  type DrainAction,
  type NodeView,
  type RepeatAction,
  type RunningJob,
} from "@cluster-os/slurm";
import { systemClock, waitFor, writeFileIfChanged } from "@cluster-os/std/drivers";
import { tokenKeyDigest, type ControllerObserved } from "../slurm/controller.ts";
import { slurmctldEnvironment } from "../slurm/files.ts";
import type { ControllerView, NodeSight } from "../slurm/report.ts";
import type { ControllerWish } from "../slurm/wish.ts";
import {
  readHash,
  readTexts,
  readTokenKeyDigest,
  SLURM_PATHS,
  writeHash,
  writeSecret,
  writeTexts,
  writeTokenKeyDigest,
} from "./slurm-files.ts";
import { REST_UNIT, restAddress } from "./slurm-rest.ts";
import { unitStates } from "./slurm-units.ts";

export const CONTROLLER_UNIT = "cluster-os-slurmctld.service";
export const FENCER_SOCKET = "/run/cluster-os-slurmctld/fence.sock";

const TIMEOUT_MS = 5000;
/** slurmctld reads its configuration within a second; under load, later. */
const RECONFIGURE_MS = 15_000;

export const fencer = new FencerClient(FENCER_SOCKET);

export async function observeController(
  signal: AbortSignal,
): Promise<Omit<ControllerObserved, "refusedHash" | "state">> {
  const { [CONTROLLER_UNIT]: unit, [REST_UNIT]: rest } = await unitStates(
    [CONTROLLER_UNIT, REST_UNIT],
    signal,
  );
  const status = unit === "inactive" ? undefined : await fencer.status(signal).catch(() => undefined);
  const configHash = await readHash(SLURM_PATHS.controller);
  return {
    unit,
    fencer: status,
    configHash,
    signer: configHash === undefined ? undefined : signerOf(await readTexts(SLURM_PATHS.controller)),
    tokenKeyDigest: await readTokenKeyDigest(SLURM_PATHS.controller),
    rest: { unit: rest, address: await restAddress() },
  };
}

/**
 * Puts the key of the REST API's tokens in place. slurmctld reads it when it starts, and when it is told to read its configuration
 * anew; that it has it is written down last, so that whatever cuts this off has it done again.
 */
export async function useTokenKey(key: Uint8Array, signal: AbortSignal): Promise<void> {
  await writeSecret(SLURM_PATHS.controllerKey, key, "slurm");
  await haveSecretsRead("the key of tokens", signal);
  await writeTokenKeyDigest(SLURM_PATHS.controller, tokenKeyDigest(key));
}

/** slurmctld, where it runs here, reads its secrets anew: the same process, with its jobs. Throws in its own words if it does not. */
export async function haveSecretsRead(what: string, signal: AbortSignal): Promise<void> {
  if ((await runningPid(signal)) === 0) return;
  const { failed, stderr } = await scontrol(["reconfigure"], signal, { timeoutMs: RECONFIGURE_MS });
  if (failed) throw new Error(`slurmctld did not take ${what}: ${stderr}`);
}

/**
 * Puts a configuration in place, and has slurmctld take it over if it runs: the same process, with its jobs. What it would
 * refuse does not reach it; if it does after all, the one before is put back. Resolves with SLURM's words where it refused.
 */
export async function applyConfig(
  { hash, files }: SlurmConfig,
  signal: AbortSignal,
): Promise<string | undefined> {
  await writeTexts(SLURM_PATHS.candidate, files);
  const refused = await parse(SLURM_PATHS.candidate, signal);
  if (refused !== undefined) return refused;
  const before = await readTexts(SLURM_PATHS.controller);
  const pid = await runningPid(signal);
  const environment = slurmctldEnvironment(signerOf(files));
  await writeFileIfChanged(SLURM_PATHS.controllerEnvironment, environment, { mode: 0o644 });
  await writeTexts(SLURM_PATHS.controller, files);
  if (pid !== 0) {
    const failure = await reconfigure(pid, signal);
    if (failure !== undefined) {
      await writeTexts(SLURM_PATHS.controller, before);
      return failure;
    }
  }
  await writeHash(SLURM_PATHS.controller, hash);
  return undefined;
}

/** Process ID of slurmctld; 0 where none runs. Throws where the fencer does not say: one that runs would keep what it has. */
async function runningPid(signal: AbortSignal): Promise<number> {
  const { [CONTROLLER_UNIT]: unit } = await unitStates([CONTROLLER_UNIT], signal);
  if (unit === "inactive" || unit === "failed") return 0;
  return (await fencer.status(signal)).pid;
}

/** Every program of SLURM reads all of the configuration before it does anything, and says what is wrong with it. */
async function parse(folder: string, signal: AbortSignal): Promise<string | undefined> {
  const { failed, stderr } = await scontrol(["show", "hostnames", "localhost"], signal, { folder });
  return failed ? stderr : undefined;
}

async function reconfigure(pid: number, signal: AbortSignal): Promise<string | undefined> {
  const { failed, stderr } = await scontrol(["reconfigure"], signal);
  if (failed) return stderr;
  try {
    await waitFor(
      async () => {
        const { pid: now } = await fencer.status(signal);
        if (now !== pid) return "died" as const;
        return !(await scontrol(["ping"], signal)).failed && ("up" as const);
      },
      { what: "slurmctld with its new configuration", timeoutMs: RECONFIGURE_MS, everyMs: 200, signal },
    ).then((seen) => {
      if (seen === "died") throw new Error("slurmctld ended when it read it");
    });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return (error as Error).message;
  }
}

/** This node as SLURM sees it. */
export async function viewOf(node: string, signal: AbortSignal): Promise<NodeSight> {
  try {
    const args = ["show", "node", node, "--json"];
    const { stdout } = await execa("scontrol", args, { cancelSignal: signal, timeout: TIMEOUT_MS });
    const seen = parseNodes(stdout).find(({ name }) => name === node);
    if (!seen) return "unknown";
    const reason = seen.reason.slice(0, 256);
    return { states: seen.states.slice(0, 16), ...(reason !== "" && { reason }) };
  } catch {
    signal.throwIfAborted();
    return "silence";
  }
}

/** Drains what is wished, takes back what only we wished, and tells what slurmctld knows. Throws if it does not say. */
export async function manage(drains: ControllerWish["drains"], signal: AbortSignal): Promise<ControllerView> {
  const ask = async (program: string, args: readonly string[]): Promise<string> => {
    const options = {
      cancelSignal: signal,
      timeout: TIMEOUT_MS,
      env: { ...environment(), ...QUEUE_QUESTION.env },
    };
    return (await execa(program, args, options)).stdout;
  };
  const showNodes = async () => parseNodes(await ask("scontrol", ["show", "nodes", "--json"]));
  let nodes = await showNodes();
  const queue = parseJobs(await ask("squeue", QUEUE_QUESTION.args));
  const actions = [...planRepeats(nodes, queue, drains), ...planDrains(drains, nodes)];
  for (const action of actions) await ask("scontrol", argumentsOf(action));
  if (actions.length > 0) nodes = await showNodes();
  const { counts, running } = queue;
  await haveNodesSaved(nodes, signal);
  await haveStartsSaved(running, ask, signal);
  const drained = nodes.filter(({ states }) => states.includes("DRAIN"));
  return {
    jobs: counts,
    nodes: summarise(nodes),
    drains: drained.map(({ name, states, reason }) => ({
      node: name,
      drained: states.includes("IDLE") && !states.includes("COMPLETING"),
      reason: reason.slice(0, 256),
    })),
  };
}

/** An update that changes nothing makes slurmctld save all its nodes. */
async function haveNodesSaved(nodes: readonly NodeView[], signal: AbortSignal): Promise<void> {
  const saved = await readFile(join(SLURM_PATHS.state, "node_state")).catch(() => undefined);
  const node = unsavedNode(nodes, saved);
  if (node) await scontrol(["update", `NodeName=${node.name}`, `Comment=${node.comment}`], signal);
}

/** An update that changes nothing makes slurmctld save all its jobs. The job may have ended by now: then there was a save. */
async function haveStartsSaved(
  running: readonly RunningJob[],
  ask: (program: string, args: readonly string[]) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const saved = await stat(join(SLURM_PATHS.state, "job_state")).catch(() => undefined);
  const job = saved && unsavedStart(running, saved.mtimeMs, systemClock.wallTime());
  if (!job) return;
  const name = await ask("squeue", ["--noheader", "--format=%j", `--jobs=${job.id}`]).catch(() => undefined);
  if (name === undefined) return;
  await scontrol(["update", `JobId=${job.id}`, `JobName=${name}`], signal);
}

function argumentsOf(action: DrainAction | RepeatAction): readonly string[] {
  switch (action.kind) {
    case "drain":
      return ["update", `NodeName=${action.node}`, "State=DRAIN", `Reason=${action.reason}`];
    case "resume":
      return ["update", `NodeName=${action.node}`, "State=RESUME"];
    case "release":
      return ["release", String(action.job)];
    default:
      return action satisfies never;
  }
}

async function scontrol(
  args: readonly string[],
  signal: AbortSignal,
  { folder, timeoutMs = TIMEOUT_MS }: { readonly folder?: string; readonly timeoutMs?: number } = {},
): Promise<{ readonly failed: boolean; readonly stderr: string }> {
  const options = {
    reject: false,
    timeout: timeoutMs,
    cancelSignal: signal,
    env: environment(folder),
  } as const;
  const { failed, stderr, shortMessage } = await execa("scontrol", args, options);
  signal.throwIfAborted();
  return { failed, stderr: stderr || (failed ? (shortMessage ?? "scontrol failed") : "") };
}

/** The controller's own files: what slurmd keeps of them on this machine may be older, or not there yet. */
function environment(folder: string = SLURM_PATHS.controller): Readonly<Record<string, string>> {
  return { SLURM_CONF: join(folder, "slurm.conf") };
}
