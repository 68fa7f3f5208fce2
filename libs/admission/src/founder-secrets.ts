import {
  decodeCbor,
  encodeCbor,
  openSealed,
  sealTo,
  type AgreementKey,
  type NodeId,
} from "@cluster-os/identity";
import type { Rng } from "@cluster-os/std";
import { z } from "zod";
import { AdmissionError } from "./errors.ts";
import { Bytes32 } from "./fields.ts";
import type { Genesis } from "./genesis.ts";
import { RingKey } from "./ring-key-record.ts";

/** What a founder is handed in the genesis record. */
export const FounderSecrets = z.object({
  ringKey: RingKey,
  /** The authority key's seed: only for founders that serve. */
  authoritySeed: Bytes32.optional(),
});
export type FounderSecrets = z.infer<typeof FounderSecrets>;

const PURPOSE = "genesis";

export function sealFounderSecrets(
  founder: { sealingKey: Uint8Array },
  secrets: FounderSecrets,
  rng: Rng,
): Uint8Array {
  return sealTo(founder.sealingKey, encodeCbor(secrets), PURPOSE, rng);
}

/**
 * Opens the secrets that a genesis record holds for `nodeId`. Throws a SealError when the sealing key is another than
 * the founder had, and an AdmissionError when the node is no founder.
 */
export function openFounderSecrets(genesis: Genesis, nodeId: NodeId, sealing: AgreementKey): FounderSecrets {
  const box = genesis.payload.secrets[nodeId];
  if (!box) throw new AdmissionError(`the genesis record holds no secrets for ${nodeId}: it is no founder`);
  return FounderSecrets.parse(decodeCbor(openSealed(sealing, box, PURPOSE)));
}
