import { PEER_API_PORT } from "@cluster-os/api";
import { openSealed, signRecord, type AgreementKey, type Identity, type NodeId } from "@cluster-os/identity";
import type { Rng } from "@cluster-os/std";
import { answerPurpose, PeerApiError, PeerRequestRecord } from "./protocol.ts";

export interface PeerCall {
  readonly to: NodeId;
  /** The recipient's mesh address. */
  readonly address: string;
  readonly topic: string;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

/** Asks other members over the mesh. */
export class PeerApiClient {
  readonly #identity: Identity;
  readonly #sealing: AgreementKey;
  readonly #rng: Rng;

  constructor(options: { readonly identity: Identity; readonly sealing: AgreementKey; readonly rng: Rng }) {
    this.#identity = options.identity;
    this.#sealing = options.sealing;
    this.#rng = options.rng;
  }

  /** The opened answer. Throws PeerApiError with the other side's reason when it refuses. */
  async ask(call: PeerCall): Promise<Uint8Array> {
    const nonce = this.#rng.bytes(16);
    const request = { to: call.to, topic: call.topic, nonce, body: call.body };
    const response = await fetch(`http://${call.address}:${PEER_API_PORT}/`, {
      method: "POST",
      body: signRecord(PeerRequestRecord, request, this.#identity) as Uint8Array<ArrayBuffer>,
      signal: call.signal,
    });
    if (!response.ok) throw new PeerApiError(response.status, await response.text());
    const sealed = new Uint8Array(await response.arrayBuffer());
    return openSealed(this.#sealing, sealed, answerPurpose(call.topic, nonce));
  }
}
