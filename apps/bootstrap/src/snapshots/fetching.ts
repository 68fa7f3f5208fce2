import { appendFile, rename, rm, stat } from "node:fs/promises";
import { SnapshotList, SnapshotPiece, SnapshotRead } from "@cluster-os/api";
import { decodeCbor, encodeCbor, type NodeId } from "@cluster-os/identity";
import { describeError } from "@cluster-os/std";
import type { PeerApiClient } from "../peer-api/client.ts";
import { openBody, PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import { PIECE_BYTES, prepareDraft, requireName } from "./pieces.ts";
import { timeOfName } from "./plan.ts";
import { readPiece, sizeOf } from "./sealed-file.ts";
import type { SnapshotStore } from "./store.ts";

const LIST_TOPIC = "snapshot-list";
const READ_TOPIC = "snapshot-read";
/** So many are told of at most. More than are kept. */
const LISTED = 64;

export interface SnapshotSourceOptions {
  readonly store: Pick<SnapshotStore, "list" | "path">;
  /** Only servers restore. */
  readonly isServer: (nodeId: NodeId) => boolean;
}

/** Tells servers which snapshots this machine keeps, and gives them piece by piece, as sealed as they lie here. */
export function snapshotSource({
  store,
  isServer,
}: SnapshotSourceOptions): Readonly<Record<string, PeerHandler>> {
  const forServers = (handler: PeerHandler): PeerHandler => {
    return (from, body, signal) => {
      if (!isServer(from))
        throw new PeerApiError(403, "only a control-plane server is given snapshots: ask on one");
      return handler(from, body, signal);
    };
  };
  return {
    [LIST_TOPIC]: forServers(async () => {
      const names = (await store.list()).slice(0, LISTED).map(({ name }) => name);
      return encodeCbor({ names } satisfies SnapshotList);
    }),
    [READ_TOPIC]: forServers(async (_from, body) => {
      const { name, offset } = openBody(READ_TOPIC, SnapshotRead, body);
      requireName(name);
      const path = store.path(name);
      const { size } = await stat(path).catch(() => {
        throw new PeerApiError(404, `there is no snapshot ${name} here; ${LIST_TOPIC} tells which there are`);
      });
      const bytes = new Uint8Array(await readPiece(path, offset, PIECE_BYTES));
      return encodeCbor({ size, bytes } satisfies SnapshotPiece);
    }),
  };
}

/** Another machine that keeps snapshots. */
export interface SnapshotHolder {
  readonly nodeId: NodeId;
  readonly name: string;
  /** In the mesh. */
  readonly address: string;
}

type Peers = Pick<PeerApiClient, "ask">;

/** Names of the snapshots that a machine keeps; names that are none are left out. */
export async function listSnapshots(
  peers: Peers,
  { nodeId: to, address }: SnapshotHolder,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const answer = await peers.ask({ to, address, topic: LIST_TOPIC, body: encodeCbor({}), signal });
  return SnapshotList.parse(decodeCbor(answer)).names.filter((name) => timeOfName(name) !== undefined);
}

export interface SnapshotFetch {
  readonly peers: Peers;
  readonly name: string;
  /** Where it is to lie. */
  readonly path: string;
  /** Who keeps it: one after the other is asked. */
  readonly holders: readonly SnapshotHolder[];
  /** Rejects if what lies at a path is not the snapshot, whole. */
  readonly verify: (path: string) => Promise<void>;
  /** For each piece. */
  readonly signal: () => AbortSignal;
}

/**
 * Fetches a snapshot from the first machine that has it whole. It has its name once it was verified. What came before it was cut
 * off stays, without the name: the next machine, or the next try, goes on from there. Rejects, naming each machine, if none has it.
 */
export async function fetchSnapshot(fetch: SnapshotFetch): Promise<void> {
  const { name, path, holders } = fetch;
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
  throw new Error(`snapshot ${name} could not be fetched (${why})`);
}

async function fetchWhole(draft: string, holder: SnapshotHolder, fetch: SnapshotFetch): Promise<void> {
  const wasBegun = (await sizeOf(draft)) > 0;
  let fault = await fetchRest(draft, holder, fetch);
  // It may lie in what was there before: all of it once more, from this machine alone.
  if (fault && wasBegun) fault = await fetchRest(draft, holder, fetch);
  if (fault) throw fault.error;
}

/** Goes on from what is there. What is wrong with all of it, which is removed then; undefined if nothing is. */
async function fetchRest(
  draft: string,
  holder: SnapshotHolder,
  fetch: SnapshotFetch,
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

async function addPieces(
  draft: string,
  { nodeId: to, address }: SnapshotHolder,
  { peers, name, signal }: SnapshotFetch,
): Promise<void> {
  for (let offset = await sizeOf(draft); ;) {
    const body = encodeCbor({ name, offset } satisfies SnapshotRead);
    const answer = await peers.ask({ to, address, topic: READ_TOPIC, body, signal: signal() });
    const { size, bytes } = SnapshotPiece.parse(decodeCbor(answer));
    // Whoever gives less than it could would hold the recovery up for as long as it likes.
    if (bytes.length < Math.min(PIECE_BYTES, size - offset))
      throw new Error(`it gave ${bytes.length} bytes after ${offset} of ${size}`);
    offset += bytes.length;
    await appendFile(draft, bytes, { mode: 0o600, flush: offset >= size });
    // More than all is found out when it is verified.
    if (offset >= size) return;
  }
}
