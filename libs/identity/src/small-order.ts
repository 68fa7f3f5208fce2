import { Point } from "@noble/ed25519";
import { ByteMemo, toHex } from "@cluster-os/std";

/**
 * Whether an Ed25519 public key is a point on the curve and of large order. A key of small order "signs" every message
 * under some verifiers, so admission refuses it before it can name a node (RFC 8032 section 8.9 and the cofactor).
 */
export function isSafePublicKey(publicKey: Uint8Array): boolean {
  return judged.of(publicKey, judge);
}

// Finding the point costs a millisecond, and every record that names many nodes names the same ones.
const judged = new ByteMemo<boolean>(1_024);

function judge(publicKey: Uint8Array): boolean {
  try {
    return !Point.fromHex(toHex(publicKey), false).isSmallOrder();
  } catch {
    return false;
  }
}
