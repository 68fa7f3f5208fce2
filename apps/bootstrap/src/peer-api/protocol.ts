import { decodeCbor, type NodeId, type RecordType } from "@cluster-os/identity";
import { describeError } from "@cluster-os/std";
import { z } from "zod";

/**
 * A request from one member to another over the mesh, signed by the asking node. `to` and `nonce` tie it to one
 * recipient and one occasion; `body` is CBOR whose shape the topic fixes. The answer comes sealed to the asking node's
 * sealing key (design D6), so that nothing on the way, the recipient's own logs included, holds a credential in clear.
 */
export interface PeerRequest {
  readonly to: string;
  readonly topic: string;
  readonly nonce: Uint8Array;
  readonly body: Uint8Array;
}

export const PeerRequestRecord: RecordType<PeerRequest> = {
  name: "peer-request",
  version: 1,
  payload: z.object({
    to: z.string(),
    topic: z.string().regex(/^[a-z-]{1,40}$/),
    nonce: z.instanceof(Uint8Array),
    body: z.instanceof(Uint8Array),
  }),
};

/** What the sealed box of an answer is sealed for: it opens only as the answer to the very request. */
export function answerPurpose(topic: string, nonce: Uint8Array): string {
  return `peer-api/${topic}/${Buffer.from(nonce).toString("hex")}`;
}

/** A refusal that the asking side can name: wrong role, not ready yet, not admitted. */
export class PeerApiError extends Error {
  override readonly name = "PeerApiError";
  /** HTTP status code: 4xx is final, 503 means "ask again". */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Answers one topic. `from` is proven: by its signature, and by the mesh address it came from. */
export type PeerHandler = (from: NodeId, body: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

/** A request's body in the shape that its topic fixes. Throws PeerApiError 400 with what is wrong with it. */
export function openBody<Body extends z.ZodType>(
  topic: string,
  shape: Body,
  bytes: Uint8Array,
): z.output<Body> {
  try {
    return shape.parse(decodeCbor(bytes));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : describeError(cause);
    throw new PeerApiError(
      400,
      `the body of ${topic} is malformed: ${reason}; both machines need the same version of cluster-os`,
    );
  }
}
