import { decodeCbor, encodeCbor, openSealed, sealTo, type AgreementKey } from "@cluster-os/identity";
import type { Rng } from "@cluster-os/std";
import { z } from "zod";
import { AdmissionError } from "./errors.ts";
import { Bytes, ClusterId } from "./fields.ts";
import { RingKey } from "./ring-key-record.ts";

/**
 * Ring keys for one node, with the authority's records of them and of whom they exclude: who holds a key knows all
 * revocations that its maker knew, and so never hands it to those.
 */
export const RingHanding = z.object({
  clusterId: ClusterId,
  keys: z.array(RingKey).min(1),
  records: z.array(Bytes),
  revocations: z.array(Bytes),
  /** Of who hands them, for a receiver that was away when that one was admitted; absent for a founder. */
  admission: Bytes.optional(),
});
export type RingHanding = z.infer<typeof RingHanding>;

const PURPOSE = "ring-key";

/** Seals ring keys to one node's sealing key. */
export function handRingKeys(recipient: Uint8Array, handing: RingHanding, rng: Rng): Uint8Array {
  return sealTo(recipient, encodeCbor(handing), PURPOSE, rng);
}

/**
 * What is in a box of {@link handRingKeys} for this cluster. Throws a SealError or an AdmissionError. Nothing in it is
 * checked yet against what the authority signed.
 */
export function receiveRingKeys(own: AgreementKey, box: Uint8Array, clusterId: string): RingHanding {
  const handing = RingHanding.safeParse(decodeCbor(openSealed(own, box, PURPOSE)));
  if (!handing.success) throw new AdmissionError("handed ring keys are malformed", { cause: handing.error });
  if (handing.data.clusterId !== clusterId) throw new AdmissionError("ring keys of another cluster");
  return handing.data;
}
