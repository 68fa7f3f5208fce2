import type { KeyRing } from "@cluster-os/admission";
import type { RingKeyStatus } from "./node-protocol-interface.ts";

export function ringKeyStatus(ring: KeyRing): RingKeyStatus {
  const newest = ring.newestRecord?.payload;
  return {
    newest: newest?.id ?? ring.newestHeld,
    stage: newest?.stage ?? "active",
    held: ring.newestHeld,
    sealing: ring.sealing.id,
    ...(newest && { madeAt: newest.madeAt }),
  };
}
