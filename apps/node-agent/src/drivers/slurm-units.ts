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
  return statesOf(units, await show(units, ["ActiveState"], signal));
}

/** The states of some units, and what one of them is held to: asked for at once, for each question is a process. */
export async function statesAndLimits<Unit extends string>(
  units: readonly Unit[],
  limited: Unit,
  signal: AbortSignal,
): Promise<{ readonly units: Readonly<Record<Unit, UnitState>>; readonly limits: JobLimits }> {
  const shown = await show(units, ["ActiveState", "MemoryMax", "AllowedCPUs"], signal);
  const { MemoryMax = "", AllowedCPUs = "" } = Object.fromEntries(shown.get(limited) ?? []);
  return { units: statesOf(units, shown), limits: { MemoryMax, AllowedCPUs } };
}

type Shown = ReadonlyMap<string, ReadonlyMap<string, string>>;

async function show(
  units: readonly string[],
  properties: readonly string[],
  signal: AbortSignal,
): Promise<Shown> {
  const args = ["show", `--property=${["Id", ...properties].join()}`, ...units];
  const { stdout } = await execa("systemctl", args, { cancelSignal: signal, timeout: 10_000 });
  const blocks = stdout.split("\n\n").map((block) => new Map(block.split("\n").map((line) => split(line))));
  return new Map(blocks.map((block) => [block.get("Id") ?? "", block]));
}

function statesOf<Unit extends string>(
  units: readonly Unit[],
  shown: Shown,
): Readonly<Record<Unit, UnitState>> {
  const stateOf = (unit: Unit): UnitState => {
    const state = shown.get(unit)?.get("ActiveState") ?? "inactive";
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
