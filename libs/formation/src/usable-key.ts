import { agree, generateAgreementKey, type AgreementKey } from "@cluster-os/identity";
import { seededRng } from "@cluster-os/std";

let probe: AgreementKey | undefined;

/** Whether something can be agreed with a raw X25519 key: those of small order (RFC 7748 section 6.1) are useless. */
export function isUsableAgreementKey(publicKey: Uint8Array): boolean {
  // Any key does for the probe, and nothing is kept secret by it.
  probe ??= generateAgreementKey(seededRng(1));
  try {
    agree(probe, publicKey);
    return true;
  } catch {
    return false;
  }
}
