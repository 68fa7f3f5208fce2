import { appendFile, rename, rm } from "node:fs/promises";
import type { FilePiece } from "@cluster-os/api";
import type { NodeId } from "@cluster-os/identity";
import { describeError } from "@cluster-os/std";
import { PIECE_BYTES, prepareDraft, sizeOf } from "./pieces.ts";

/** Another machine that keeps a file. */
export interface Holder {
  readonly nodeId: NodeId;
  readonly name: string;
  /** In the mesh. */
  readonly address: string;
}

export interface FileFetch {
  /** Names the file in errors: "snapshot 20261121T123000Z". */
  readonly what: string;
  /** Where it is to lie (0600). */
  readonly path: string;
  /** Who keeps it: one after the other is asked. */
  readonly holders: readonly Holder[];
  /** Asks a machine for the bytes from there on. */
  readonly ask: (holder: Holder, offset: number) => Promise<FilePiece>;
  /** Rejects if what lies at a path is not the file, whole. */
  readonly verify: (path: string) => Promise<void>;
}

/**
 * Fetches a file from the first machine that has it whole. It has its name once it was verified. What came before it was cut
 * off stays, without the name: the next machine, or the next try, goes on from there. Rejects, naming each machine, if none has it.
 */
export async function fetchFile(fetch: FileFetch): Promise<void> {
  const { what, path, holders } = fetch;
  // Not where others put what they hand over: that may be the same one, at the same time.
  const draft = `${path}.fetched`;
  const failures: string[] = [];
  await prepareDraft(draft);
  for (const holder of holders) {
    try {
      await fetchWhole(draft, holder, fetch);
      await rename(draft, path);
      return;
    } catch (error) {
      failures.push(`${holder.name}: ${describeError(error)}`);
    }
  }
  const why = failures.length === 0 ? "no living machine keeps it" : failures.join("; ");
  throw new Error(`${what} could not be fetched (${why})`);
}

async function fetchWhole(draft: string, holder: Holder, fetch: FileFetch): Promise<void> {
  const wasBegun = (await sizeOf(draft)) > 0;
  let fault = await fetchRest(draft, holder, fetch);
  // It may lie in what was there before: all of it once more, from this machine alone.
  if (fault && wasBegun) fault = await fetchRest(draft, holder, fetch);
  if (fault) throw fault.error;
}

/** Goes on from what is there. What is wrong with all of it, which is removed then; undefined if nothing is. */
async function fetchRest(
  draft: string,
  holder: Holder,
  fetch: FileFetch,
): Promise<{ readonly error: unknown } | undefined> {
  await addPieces(draft, holder, fetch);
  try {
    await fetch.verify(draft);
    return undefined;
  } catch (error) {
    await rm(draft, { force: true });
    return { error };
  }
}

async function addPieces(draft: string, holder: Holder, { ask }: FileFetch): Promise<void> {
  for (let offset = await sizeOf(draft); ;) {
    const { size, bytes } = await ask(holder, offset);
    // Whoever gives less than it could would hold who waits for it up for as long as it likes.
    if (bytes.length < Math.min(PIECE_BYTES, size - offset))
      throw new Error(`it gave ${bytes.length} bytes after ${offset} of ${size}`);
    offset += bytes.length;
    await appendFile(draft, bytes, { mode: 0o600, flush: offset >= size });
    // More than all is found out when it is verified.
    if (offset >= size) return;
  }
}
