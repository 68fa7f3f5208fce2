import {
  decodeCbor,
  encodeCbor,
  nodeIdOf,
  openRecord,
  openSealed,
  sealTo,
  signRecord,
  type AgreementKey,
  type Identity,
  type NodeId,
  type RecordType,
} from "@cluster-os/identity";
import { RingKey } from "@cluster-os/admission";
import { concatBytes, type Rng } from "@cluster-os/std";
import { z } from "zod";
import { Bytes, bytesOf } from "./fields.ts";
import type { JoinKey } from "./join-key.ts";
import type { JoinKeys } from "./join-keys.ts";

/** "I want to be a member of this cluster." Signed by the applicant; the MAC proves that it holds the join key. */
export const Application = z.object({
  clusterId: z.string().max(64),
  wireguardKey: bytesOf(32),
  sealingKey: bytesOf(32),
  /** Random per application; the answer carries it back. */
  nonce: bytesOf(16),
  mac: bytesOf(32).optional(),
});
export type Application = z.infer<typeof Application>;

/** Everything a new member needs, for it alone. */
export const Answer = z.object({
  nonce: Bytes,
  genesis: Bytes,
  /** Absent for a founder. */
  admission: Bytes.optional(),
  ringKeys: z.array(RingKey).min(1),
  ringRecords: z.array(Bytes),
  /** Whom the newest ring key excludes: who holds it must know them. */
  revocations: z.array(Bytes),
});
export type Answer = z.infer<typeof Answer>;

const APPLICANT: RecordType<Application> = { name: "applicant", version: 1, payload: Application };
const Box = z.object({ box: Bytes });
const APPLICATION: RecordType<{ box: Uint8Array }> = { name: "application", version: 1, payload: Box };
const ANSWER: RecordType<{ box: Uint8Array }> = { name: "answer", version: 1, payload: Box };
const AnswerBox = z.object({ body: Bytes, mac: Bytes.optional() });

/** An application whose signature was checked. */
export interface OpenApplication extends Application {
  readonly nodeId: NodeId;
  /** The join key that it holds, of those that are known here, retired or not. */
  readonly joinKey: JoinKey | undefined;
  /** The applicant's signed record, to be forwarded to a server as it is. */
  readonly bytes: Uint8Array;
}

export function signApplication(
  application: Omit<Application, "mac">,
  identity: Identity,
  joinKey: JoinKey,
): Uint8Array {
  const mac = joinKey.mac("application", identity.publicKey, encodeCbor(application));
  return signRecord(APPLICANT, { ...application, ...(mac && { mac }) }, identity);
}

/** Throws a RecordError when it is not genuine. A MAC of another join key counts as none. */
export function openApplication(bytes: Uint8Array, joinKeys: JoinKeys): OpenApplication {
  const { payload, signer } = openRecord(APPLICANT, bytes);
  const { mac, ...plain } = payload;
  const body = encodeCbor(plain);
  const joinKey = joinKeys.all.find((key) => key.isMac(mac, "application", signer, body));
  return { ...payload, nodeId: nodeIdOf(signer), joinKey, bytes };
}

/** The application for one member's eyes: nobody else on the LAN sees which cluster is asked, nor the MAC. */
export function sealApplication(
  bytes: Uint8Array,
  memberSealingKey: Uint8Array,
  identity: Identity,
  rng: Rng,
): Uint8Array {
  return signRecord(APPLICATION, { box: sealTo(memberSealingKey, bytes, "application", rng) }, identity);
}

/** The applicant's record in an application to this member. Throws a RecordError or SealError. */
export function unsealApplication(bytes: Uint8Array, own: AgreementKey): Uint8Array {
  return openSealed(own, openRecord(APPLICATION, bytes).payload.box, "application");
}

/** The answer, sealed to the applicant; the MAC proves to it that a holder of the join key sent it. */
export function sealAnswer(
  answer: Answer,
  applicant: { readonly sealingKey: Uint8Array },
  sender: { readonly identity: Identity; readonly joinKey: JoinKey; readonly rng: Rng },
): Uint8Array {
  const body = encodeCbor(answer);
  const mac = sender.joinKey.mac("answer", body);
  const box = sealTo(applicant.sealingKey, encodeCbor({ body, ...(mac && { mac }) }), "answer", sender.rng);
  return signRecord(ANSWER, { box }, sender.identity);
}

/**
 * The answer to the application with `nonce`; undefined when it is another's or, with a join key here, nobody's who
 * holds it. Throws a RecordError or SealError.
 */
export function openAnswer(
  bytes: Uint8Array,
  own: AgreementKey,
  nonce: Uint8Array,
  joinKey: JoinKey,
): Answer | undefined {
  const { box } = openRecord(ANSWER, bytes).payload;
  const { body, mac } = AnswerBox.parse(decodeCbor(openSealed(own, box, "answer")));
  // Without a join key this machine believes the first cluster that takes it: there is nothing to check it by.
  if (joinKey.isPresent && !joinKey.isMac(mac, "answer", body)) return undefined;
  const answer = Answer.parse(decodeCbor(body));
  return Buffer.compare(answer.nonce, concatBytes(nonce)) === 0 ? answer : undefined;
}
