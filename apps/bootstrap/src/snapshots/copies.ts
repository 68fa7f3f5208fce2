import { stat } from "node:fs/promises";
import { SnapshotPart, SnapshotPartAnswer } from "@cluster-os/api";
import { decodeCbor, encodeCbor, type NodeId } from "@cluster-os/identity";
import { hashOfFile, PIECE_BYTES, readPiece } from "../files/pieces.ts";
import type { PeerApiClient } from "../peer-api/client.ts";
import { openBody, PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import { requireName, type SnapshotPieces } from "./pieces.ts";

export const SNAPSHOT_TOPIC = "snapshot-part";

export interface SnapshotReceiverOptions {
  readonly pieces: SnapshotPieces;
  /** Only servers have snapshots to give. */
  readonly isServer: (nodeId: NodeId) => boolean;
  /** Called when one is there, whole. */
  readonly onReceived: (name: string) => Promise<void>;
}

/**
 * Keeps copies of snapshots that servers hand over, piece by piece. The answer says how much is there, so that what was
 * cut off goes on where it was; a copy has its name once its hash is right. It stays sealed: only servers can open it.
 */
export function snapshotReceiver({ pieces, isServer, onReceived }: SnapshotReceiverOptions): PeerHandler {
  return async (from, body) => {
    if (!isServer(from)) throw new PeerApiError(403, "only a control-plane server hands snapshots over");
    const part = openBody(SNAPSHOT_TOPIC, SnapshotPart, body);
    requireName(part.name);
    const next = await pieces.add(part, () => onReceived(part.name));
    return encodeCbor({ next } satisfies SnapshotPartAnswer);
  };
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
