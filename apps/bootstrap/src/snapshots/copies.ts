import { appendFile, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SnapshotPart, SnapshotPartAnswer } from "@cluster-os/api";
import { decodeCbor, encodeCbor, type NodeId } from "@cluster-os/identity";
import { equalBytes } from "@cluster-os/std";
import type { PeerApiClient } from "../peer-api/client.ts";
import { PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import { timeOfName } from "./plan.ts";
import { hashOfFile, readPiece } from "./sealed-file.ts";

export const SNAPSHOT_TOPIC = "snapshot-part";

/** Fits into a request of the peer API with what is around it. */
const PIECE_BYTES = 48 * 1024;

export interface SnapshotReceiverOptions {
  readonly path: (name: string) => string;
  /** Only servers have snapshots to give. */
  readonly isServer: (nodeId: NodeId) => boolean;
  /** Called when one is there, whole. */
  readonly onReceived: (name: string) => Promise<void>;
}

/**
 * Keeps copies of snapshots that servers hand over, piece by piece. The answer says how much is there, so that what was
 * cut off goes on where it was; a copy has its name once its hash is right. It stays sealed: only servers can open it.
 */
export function snapshotReceiver(options: SnapshotReceiverOptions): PeerHandler {
  let queue: Promise<unknown> = Promise.resolve();
  return (from, body) => {
    if (!options.isServer(from))
      throw new PeerApiError(403, "only a control-plane server hands snapshots over");
    const part = SnapshotPart.parse(decodeCbor(body));
    if (timeOfName(part.name) === undefined) throw new PeerApiError(400, "that is no snapshot's name");
    // One piece at a time: two servers may hand over the same.
    const next = queue.catch(() => undefined).then(() => receive(options, part));
    queue = next;
    return next.then((there) => encodeCbor({ next: there } satisfies SnapshotPartAnswer));
  };
}

async function receive({ path, onReceived }: SnapshotReceiverOptions, part: SnapshotPart): Promise<number> {
  const { name, size, offset, bytes, sha256 } = part;
  const target = path(name);
  if ((await sizeOf(target)) === size) return size;
  const draft = `${target}.part`;
  if (offset === 0 && bytes.length === 0) await forgetOthers(draft);
  const there = await sizeOf(draft);
  if (offset !== there || bytes.length === 0) return Math.min(there, size);
  await appendFile(draft, bytes, { mode: 0o600 });
  const length = there + bytes.length;
  if (length < size) return length;
  if (length > size || !equalBytes(await hashOfFile(draft), sha256)) {
    await rm(draft, { force: true });
    return 0;
  }
  await rename(draft, target);
  await onReceived(name);
  return size;
}

/** Pieces of a snapshot that nobody hands over any more. */
async function forgetOthers(draft: string): Promise<void> {
  const folder = dirname(draft);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const file of await readdir(folder)) {
    const other = join(folder, file);
    if (file.endsWith(".part") && other !== draft) await rm(other, { force: true });
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

export interface SnapshotSend {
  readonly peers: Pick<PeerApiClient, "ask">;
  readonly to: NodeId;
  readonly address: string;
  readonly name: string;
  readonly path: string;
  readonly signal: AbortSignal;
}

/** Hands a snapshot over. Resolves once the other side has all of it, by its hash. */
export async function sendSnapshot({ peers, to, address, name, path, signal }: SnapshotSend): Promise<void> {
  const { size } = await stat(path);
  const sha256 = await hashOfFile(path);
  const send = async (offset: number, bytes: Uint8Array): Promise<number> => {
    const body = encodeCbor({ name, size, sha256, offset, bytes } satisfies SnapshotPart);
    const answer = await peers.ask({ to, address, topic: SNAPSHOT_TOPIC, body, signal });
    return SnapshotPartAnswer.parse(decodeCbor(answer)).next;
  };
  let offset = await send(0, new Uint8Array());
  while (offset < size) {
    const next = await send(offset, new Uint8Array(await readPiece(path, offset, PIECE_BYTES)));
    if (next <= offset) throw new Error(`the copy of snapshot ${name} did not arrive as it was sent`);
    offset = next;
  }
}
