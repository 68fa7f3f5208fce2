import { concatBytes, utf8 } from "@cluster-os/std";
import { z } from "zod";
import { CodecError, decodeCbor, encodeCbor } from "./codec.ts";
import { signBytes, verifyBytes, type SigningKey } from "./keys.ts";

/** A record that is not what it claims to be. `reason` is for a log line; nothing in it is secret. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

/**
 * A kind of signed statement. The type's name is part of what is signed, so a signature for one kind never passes for
 * another.
 */
export interface RecordType<Payload> {
  /** For example "admission"; the signature covers "cluster-os/admission/v1". */
  readonly name: string;
  readonly version: number;
  readonly payload: z.ZodType<Payload>;
}

/** A record after its signature was checked. `bytes` is the encoded envelope: stored and forwarded exactly so. */
export interface OpenRecord<Payload> {
  readonly payload: Payload;
  /** Raw 32-byte Ed25519 public key of the signer. */
  readonly signer: Uint8Array;
  readonly bytes: Uint8Array;
}

// [type name, version, signer, payload bytes, signature]: the clear header comes first, so that a reader refuses what
// it does not know before it parses what it does not trust.
const Envelope = z.tuple([
  z.string().max(64),
  z.int().min(1).max(255),
  z.instanceof(Uint8Array),
  z.instanceof(Uint8Array),
  z.instanceof(Uint8Array),
]);

/** Signs `payload` and returns the encoded envelope. */
export function signRecord<Payload>(
  type: RecordType<Payload>,
  payload: Payload,
  key: SigningKey,
): Uint8Array {
  const body = encodeCbor(payload);
  const signature = signBytes(key, signedBytes(type, body));
  return encodeCbor([type.name, type.version, key.publicKey, body, signature]);
}

/**
 * Checks type, version and signature, then parses the payload. `expectedSigner`, when given, is the only key whose
 * signature counts; without it the caller must compare `signer` with what the payload claims.
 */
export function openRecord<Payload>(
  type: RecordType<Payload>,
  bytes: Uint8Array,
  expectedSigner?: Uint8Array,
): OpenRecord<Payload> {
  const [name, version, signer, body, signature] = parseEnvelope(bytes);
  if (name !== type.name) throw new RecordError(`a record of type ${name} where ${type.name} is expected`);
  if (version !== type.version)
    throw new RecordError(`version ${version} of record ${name} is not known here`);
  if (expectedSigner && Buffer.compare(signer, expectedSigner) !== 0) {
    throw new RecordError(`record ${name} is signed by another key than it must be`);
  }
  if (!verifyBytes(signer, signedBytes(type, body), signature)) {
    throw new RecordError(`record ${name} has a wrong signature`);
  }
  const payload = type.payload.safeParse(decodeCbor(body));
  if (!payload.success) throw new RecordError(`record ${name} is malformed`, { cause: payload.error });
  return { payload: payload.data, signer, bytes };
}

function parseEnvelope(bytes: Uint8Array): z.infer<typeof Envelope> {
  try {
    return Envelope.parse(decodeCbor(bytes));
  } catch (cause) {
    throw new RecordError("not a signed record", { cause: cause instanceof CodecError ? cause : undefined });
  }
}

function signedBytes(type: { name: string; version: number }, body: Uint8Array): Uint8Array {
  return concatBytes(utf8(`cluster-os/${type.name}/v${type.version}\0`), body);
}
