import { stat } from "node:fs/promises";
import { FilePiece, SnapshotList, SnapshotRead } from "@cluster-os/api";
import { decodeCbor, encodeCbor, type NodeId } from "@cluster-os/identity";
import { fetchFile, type FileFetch, type Holder } from "../files/fetching.ts";
import { PIECE_BYTES, readPiece } from "../files/pieces.ts";
import type { PeerApiClient } from "../peer-api/client.ts";
import { openBody, PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import { requireName } from "./pieces.ts";
import { timeOfName } from "./plan.ts";
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
      return encodeCbor({ size, bytes } satisfies FilePiece);
    }),
  };
}

type Peers = Pick<PeerApiClient, "ask">;

/** Names of the snapshots that a machine keeps; names that are none are left out. */
export async function listSnapshots(
  peers: Peers,
  { nodeId: to, address }: Holder,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const answer = await peers.ask({ to, address, topic: LIST_TOPIC, body: encodeCbor({}), signal });
  return SnapshotList.parse(decodeCbor(answer)).names.filter((name) => timeOfName(name) !== undefined);
}

export interface SnapshotFetch extends Pick<FileFetch, "path" | "holders" | "verify"> {
  readonly peers: Peers;
  readonly name: string;
  /** For each piece. */
  readonly signal: () => AbortSignal;
}

/** Fetches a snapshot as {@link fetchFile} does. */
export function fetchSnapshot({ peers, name, signal, ...file }: SnapshotFetch): Promise<void> {
  return fetchFile({
    ...file,
    what: `snapshot ${name}`,
    ask: async ({ nodeId: to, address }, offset) => {
      const body = encodeCbor({ name, offset } satisfies SnapshotRead);
      const answer = await peers.ask({ to, address, topic: READ_TOPIC, body, signal: signal() });
      return FilePiece.parse(decodeCbor(answer));
    },
  });
}
