import { mkdtemp, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ExecOptions, ExecResult } from "./enter.ts";
import { readJournalOf } from "./journal.ts";
import { isThere } from "./layers.ts";
import { acquireLock } from "./lock.ts";
import { removeFolder, type MachineFolders } from "./store.ts";
import { runTool, type Tools } from "./tools.ts";
import { rename } from "node:fs/promises";

const JOURNAL = "/var/log/journal";

/**
 * What an emulated machine's disk holds of its journal. Nobody mounts a disk of somebody else's here: a copy of it is
 * repaired as its own kernel would, and the files are taken out of that. Once for each state of the disk.
 */
export async function readJournalOfDisk(
  tools: Tools,
  folders: MachineFolders,
  args: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  return readJournalOf(await extractJournal(tools, folders), args, options);
}

async function extractJournal(tools: Tools, { folder, image }: MachineFolders): Promise<string> {
  await using _lock = await acquireLock(`journal ${folder}`, {
    what: "the journal of the machine's disk",
    timeoutMs: 120_000,
  });
  const place = join(folder, "journal");
  if (!(await isThere(image))) return place;
  if ((await modifiedMs(place)) > (await modifiedMs(image))) return place;
  const draft = await mkdtemp(join(folder, "journal-draft."));
  try {
    const disk = join(draft, "disk.raw");
    await runTool(tools, ["qemu-img", "convert", "-O", "raw", image, disk]);
    // Writes that its journal holds and its files do not have yet. Nothing to repair is an error of none.
    await runTool(tools, ["sh", "-c", 'e2fsck -E journal_only -p "$1" || [ $? -lt 4 ]', "sh", disk]);
    await runTool(tools, ["debugfs", "-R", `rdump ${JOURNAL} ${draft}`, disk]);
    await removeFolder(place);
    await rename(join(draft, "journal"), place);
  } finally {
    await removeFolder(draft);
  }
  return place;
}

async function modifiedMs(path: string): Promise<number> {
  // The change of its status: its own modification time came with it from the disk.
  return (await stat(path).catch(() => undefined))?.ctimeMs ?? 0;
}
