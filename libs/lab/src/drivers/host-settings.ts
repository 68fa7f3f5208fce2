import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "@cluster-os/std/drivers";
import { z } from "zod";
import { HOST_SETTINGS, planRaise, planRestore, type SettingValues } from "../host-settings.ts";
import { acquireLock } from "./lock.ts";
import { readIfThere } from "./processes.ts";
import { readBootId } from "./store.ts";

export interface SettingsPlaces {
  /** The kernel's settings. Default /proc/sys. */
  readonly kernel?: string;
  /** Where the values from before the first lab are kept. It does not matter after a restart of the host. */
  readonly record?: string;
}

const Saved = z.object({ bootId: z.string(), values: z.record(z.string(), z.string()) });

/** Gives machines enough of what they share with the host, after writing down what there was. */
export async function raiseHostSettings(places: SettingsPlaces = {}): Promise<void> {
  const { kernel, record } = withDefaults(places);
  await using _lock = await lock(record);
  const current = await readSettings(kernel);
  // Another lab may be up: then what there was is written down already.
  if ((await readSaved(record)) === undefined) {
    const saved = { bootId: await readBootId(), values: current };
    await writeFileAtomic(record, JSON.stringify(saved), { mode: 0o600 });
  }
  await writeSettings(kernel, planRaise(HOST_SETTINGS, current));
}

/** Gives back what the host had, once no lab is left. */
export async function restoreHostSettings(
  isLabLeft: () => Promise<boolean>,
  places: SettingsPlaces = {},
): Promise<void> {
  const { kernel, record } = withDefaults(places);
  await using _lock = await lock(record);
  const saved = await readSaved(record);
  if (saved === undefined || (await isLabLeft())) return;
  await writeSettings(kernel, planRestore(saved, await readSettings(kernel)));
  await rm(record);
}

function withDefaults({
  kernel = "/proc/sys",
  record = "/run/cluster-os-lab.json",
}: SettingsPlaces): Required<SettingsPlaces> {
  return { kernel, record };
}

function lock(record: string): Promise<AsyncDisposable> {
  return acquireLock(`settings ${record}`, { what: "the host's settings", timeoutMs: 10_000 });
}

async function readSaved(record: string): Promise<SettingValues | undefined> {
  const text = await readIfThere(record);
  if (text === undefined) return undefined;
  const { bootId, values } = Saved.parse(JSON.parse(text));
  // A restart has given everything back already.
  if (bootId === (await readBootId())) return values;
  await rm(record);
  return undefined;
}

async function readSettings(kernel: string): Promise<SettingValues> {
  const values: Record<string, string> = {};
  for (const { name } of HOST_SETTINGS) {
    const value = await readIfThere(join(kernel, name));
    if (value !== undefined) values[name] = value.trim();
  }
  return values;
}

async function writeSettings(kernel: string, values: SettingValues): Promise<void> {
  for (const [name, value] of Object.entries(values)) await writeFile(join(kernel, name), value);
}
