import { execa } from "execa";
import type { JobLimits } from "../slurm/limits.ts";
import type { UnitState } from "../slurm/plan.ts";

const STATES: readonly string[] = [
  "active",
  "activating",
  "deactivating",
  "inactive",
  "failed",
] satisfies UnitState[];

/** systemd's word for the state of each unit; one that it does not know is inactive. */
export async function unitStates<Unit extends string>(
  units: readonly Unit[],
  signal: AbortSignal,
): Promise<Readonly<Record<Unit, UnitState>>> {
  const args = ["show", "--property=Id,ActiveState", ...units];
  const { stdout } = await execa("systemctl", args, { cancelSignal: signal, timeout: 10_000 });
  const blocks = stdout.split("\n\n").map((block) => new Map(block.split("\n").map((line) => split(line))));
  const stateOf = (unit: Unit): UnitState => {
    const state = blocks.find((block) => block.get("Id") === unit)?.get("ActiveState") ?? "inactive";
    return (STATES.includes(state) ? state : "activating") as UnitState;
  };
  return Object.fromEntries(units.map((unit) => [unit, stateOf(unit)])) as Record<Unit, UnitState>;
}

/** Process ID of a unit's main process; 0 where none runs. */
export async function mainPid(unit: string, signal: AbortSignal): Promise<number> {
  const args = ["show", "--property=MainPID", "--value", unit];
  const { stdout } = await execa("systemctl", args, { cancelSignal: signal, timeout: 10_000 });
  return Number(stdout);
}

/** Does not wait until a unit has started: what it waits for may be what is done next. */
export async function actUnit(
  verb: "start" | "restart" | "try-restart" | "reload" | "stop",
  unit: string,
  signal: AbortSignal,
  wait = false,
): Promise<void> {
  const args = [verb, ...(wait ? [] : ["--no-block"]), unit];
  await execa("systemctl", args, { cancelSignal: signal, timeout: 30_000 });
}

/** What a unit is held to. */
export async function limitsOf(unit: string, signal: AbortSignal): Promise<JobLimits> {
  const args = ["show", "--property=MemoryMax,AllowedCPUs", unit];
  const { stdout } = await execa("systemctl", args, { cancelSignal: signal, timeout: 10_000 });
  const shown = new Map(stdout.split("\n").map((line) => split(line)));
  return { MemoryMax: shown.get("MemoryMax") ?? "", AllowedCPUs: shown.get("AllowedCPUs") ?? "" };
}

/** From now on, whether it runs or not, until the machine starts anew. */
export async function limitUnit(unit: string, limits: JobLimits, signal: AbortSignal): Promise<void> {
  const properties = Object.entries(limits).map(([name, value]) => `${name}=${value}`);
  const args = ["set-property", "--runtime", unit, ...properties];
  await execa("systemctl", args, { cancelSignal: signal, timeout: 10_000 });
}

function split(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}
