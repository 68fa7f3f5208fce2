import { decodeCbor, encodeCbor, openSealed, sealTo, type AgreementKey } from "@cluster-os/identity";
import { equalBytes, type Rng } from "@cluster-os/std";
import { z } from "zod";
import { AdmissionError } from "./errors.ts";
import { Bytes32 } from "./fields.ts";

/** A key that seals gossip. A higher ID is newer. */
export const RingKey = z.object({ id: z.int().min(1), key: Bytes32 });
export type RingKey = z.infer<typeof RingKey>;

/** The ring keys a node knows: it seals with the newest and opens with any. Never changes; returns a new ring. */
export class KeyRing {
  /** Oldest first. */
  readonly keys: readonly RingKey[];

  /** Throws an AdmissionError for no key at all, or for two different keys under one ID. */
  constructor(keys: readonly RingKey[]) {
    const byId = new Map<number, RingKey>();
    for (const key of keys) {
      const known = byId.get(key.id);
      if (known && !equalBytes(known.key, key.key))
        throw new AdmissionError(`two different ring keys have ID ${key.id}`);
      byId.set(key.id, key);
    }
    if (byId.size === 0) throw new AdmissionError("a key ring needs a key");
    this.keys = [...byId.values()].sort((left, right) => left.id - right.id);
  }

  get newest(): RingKey {
    return this.keys[this.keys.length - 1] as RingKey;
  }

  find(id: number): RingKey | undefined {
    return this.keys.find((key) => key.id === id);
  }

  with(...keys: readonly RingKey[]): KeyRing {
    return new KeyRing([...this.keys, ...keys]);
  }

  /** Without the keys older than `id`: once everyone seals with `id` or a newer one. The newest always stays. */
  retireBefore(id: number): KeyRing {
    return new KeyRing(this.keys.filter((key) => key.id >= id || key === this.newest));
  }
}

const PURPOSE = "ring-key";
const Handing = z.object({ clusterId: z.string(), keys: z.array(RingKey).min(1) });

/** Seals ring keys to one node's sealing key: at a rotation, each member that stays gets such a box. */
export function handRingKeys(
  recipient: Uint8Array,
  handing: { readonly clusterId: string; readonly keys: readonly RingKey[] },
  rng: Rng,
): Uint8Array {
  return sealTo(recipient, encodeCbor(handing), PURPOSE, rng);
}

/** The keys in a box of {@link handRingKeys} for this cluster. Throws a SealError or an AdmissionError. */
export function receiveRingKeys(own: AgreementKey, box: Uint8Array, clusterId: string): RingKey[] {
  const handing = Handing.safeParse(decodeCbor(openSealed(own, box, PURPOSE)));
  if (!handing.success) throw new AdmissionError("handed ring keys are malformed", { cause: handing.error });
  if (handing.data.clusterId !== clusterId) throw new AdmissionError("ring keys of another cluster");
  return handing.data.keys;
}
