import { JoinCredentialsRequest } from "@cluster-os/api";
import { decodeCbor, encodeCbor, nodeName, type NodeId } from "@cluster-os/identity";
import { JoinCredentials, type Distribution } from "@cluster-os/kubernetes";
import type { PeerApiClient } from "../peer-api/client.ts";
import { PeerApiError, type PeerHandler } from "../peer-api/protocol.ts";
import type { JoinSlot } from "./join-slot.ts";

export const CREDENTIALS_TOPIC = "join-credentials";
export const JOIN_DONE_TOPIC = "join-done";

export interface CredentialsGranterOptions {
  readonly distribution: Distribution;
  /** The join slot, while this machine is a ready server; undefined otherwise. */
  readonly slot: () => JoinSlot | undefined;
  readonly epoch: () => number;
  readonly isElectedServer: (nodeId: NodeId) => boolean;
}

/** On a server: mints credentials for the one act the asking node was elected to, and for nothing else. */
export function credentialsHandler(options: CredentialsGranterOptions): PeerHandler {
  return async (from, body, signal) => {
    const request = JoinCredentialsRequest.parse(decodeCbor(body));
    const slot = options.slot();
    if (!slot) throw new PeerApiError(503, "this server is not ready yet");
    if (request.epoch !== options.epoch()) {
      throw new PeerApiError(503, `this server is at epoch ${options.epoch()}, not at ${request.epoch}`);
    }
    if (request.role === "server" && !options.isElectedServer(from)) {
      throw new PeerApiError(403, "only an elected server gets a server's credentials");
    }
    if (request.role === "server" && !(await slot.tryTake(from))) {
      throw new PeerApiError(503, "another machine is becoming a server at this moment");
    }
    // A machine that begins anew - it was reset, or lost its disk - is still listed with its earlier life, and a join is
    // refused while etcd lists a member that does not answer.
    await options.distribution.removeMember(nodeName(from), signal);
    return encodeCbor(await options.distribution.credentials(request.role, signal));
  };
}

/** On a server: a joiner says that it is through, so the next one need not wait for its slot to expire. */
export function joinDoneHandler(slot: () => JoinSlot | undefined): PeerHandler {
  return async (from) => {
    await slot()?.release(from);
    return new Uint8Array();
  };
}

export interface CredentialsAsk {
  readonly peers: PeerApiClient;
  readonly from: NodeId;
  readonly address: string;
  readonly role: "server" | "worker";
  readonly epoch: number;
  readonly signal: AbortSignal;
}

/** Asks a ready server for credentials. Undefined means "not yet": ask again in the next round. */
export async function askForCredentials(ask: CredentialsAsk): Promise<JoinCredentials | undefined> {
  const body = encodeCbor({ role: ask.role, epoch: ask.epoch });
  try {
    const call = { to: ask.from, address: ask.address, topic: CREDENTIALS_TOPIC, body, signal: ask.signal };
    return JoinCredentials.parse(decodeCbor(await ask.peers.ask(call)));
  } catch (error) {
    if (error instanceof PeerApiError && error.status === 503) return undefined;
    throw error;
  }
}
