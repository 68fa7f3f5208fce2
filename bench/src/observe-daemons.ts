import { readFile } from "node:fs/promises";
import type { Machine } from "@cluster-os/lab";
import { addUsage, NO_USAGE, parseUsage, type Usage } from "./daemons.ts";

/** What a machine's unit and its children use just now; undefined if the unit does not run. */
export async function usageOf(machine: Machine, unit: string): Promise<Usage | undefined> {
  const { stdout } = await machine.exec(["systemctl", "show", "--property=MainPID", "--value", unit]);
  const pid = Number(stdout.trim());
  return pid === 0 ? undefined : usageOfTree(await machine.path("/proc"), pid);
}

/** `pid` is the machine's own number, as its /proc has it. A child that ended while it was looked at uses nothing any more. */
async function usageOfTree(proc: string, pid: number): Promise<Usage> {
  const read = (name: string): Promise<string> => readFile(`${proc}/${pid}/${name}`, "utf8");
  const children = (await read(`task/${pid}/children`)).split(" ").filter((child) => child !== "");
  const own = parseUsage(await read("smaps_rollup"), await read("stat"));
  const below = await Promise.all(
    children.map((child) => usageOfTree(proc, Number(child)).catch(unlessEnded)),
  );
  return [own, ...below].reduce(addUsage, NO_USAGE);
}

function unlessEnded(error: NodeJS.ErrnoException): Usage {
  // The file is gone with the process, or it was open already and has nothing left to tell.
  if (error.code === "ENOENT" || error.code === "ESRCH") return NO_USAGE;
  throw error;
}
