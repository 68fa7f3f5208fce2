import { join } from "node:path";
import { readText } from "./folder.ts";

/** Logical processors that are online, from a list such as "0-3,8". At least one: somebody runs this. */
export async function countProcessors(root: string): Promise<number> {
  const online = (await readText(join(root, "sys/devices/system/cpu/online"))) ?? "";
  const count = online.split(",").reduce((sum, range) => sum + countRange(range), 0);
  return Math.max(1, count);
}

function countRange(range: string): number {
  const [, first, last] = /^([0-9]+)(?:-([0-9]+))?$/.exec(range) ?? [];
  return first === undefined ? 0 : Number(last ?? first) - Number(first) + 1;
}
