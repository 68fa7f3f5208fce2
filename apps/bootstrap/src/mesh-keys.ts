import {
  isAgreementKeyProven,
  proveAgreementKey,
  type AgreementKey,
  type NodeId,
} from "@cluster-os/identity";
import type { WireGuardKeyFiles } from "@cluster-os/identity/drivers";
import { planRotation, type RotationPolicy } from "@cluster-os/mesh";
import { toHex, type Logger } from "@cluster-os/std";

/** What proofs of WireGuard keys are for: one of another key of the node is none. */
const PURPOSE = "wireguard-key";

/** Whether a member that says so has that WireGuard key, and does not only know it. */
export function isMeshKeyProven(key: Uint8Array, proof: Uint8Array | undefined, nodeId: NodeId): boolean {
  return proof !== undefined && isAgreementKeyProven(key, proof, PURPOSE, nodeId);
}

/** The WireGuard keys that a machine has the members know, each with the proof that it is its own. */
export interface DescribedKeys {
  readonly wireguardKey: Uint8Array;
  readonly wireguardProof: Uint8Array;
  readonly nextWireguardKey?: Uint8Array;
  readonly nextWireguardProof?: Uint8Array;
}

export interface MeshKeysOptions {
  /** Whose keys they are. */
  readonly nodeId: NodeId;
  readonly current: AgreementKey;
  readonly files: Pick<WireGuardKeyFiles, "currentAgeMs" | "next" | "make" | "adopt">;
  /** The keys are other ones: the members are to be told. */
  readonly onAnnounced: () => void;
  /** The key in use is another one: the device is to be told, and then the members. */
  readonly onSwitched: () => void;
  readonly policy?: RotationPolicy;
  readonly logger: Logger;
}

/** This machine's WireGuard keys, replaced on schedule: announced first, used once the members know them. */
export class MeshKeys {
  readonly #options: MeshKeysOptions;
  #current: AgreementKey;
  #next: AgreementKey | undefined;
  readonly #proofs = new WeakMap<AgreementKey, Uint8Array>();

  constructor(options: MeshKeysOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  /** The key of the device. */
  get current(): AgreementKey {
    return this.#current;
  }

  /** What the other members are told. */
  described(): DescribedKeys {
    const next = this.#next;
    return {
      wireguardKey: this.#current.publicKey,
      wireguardProof: this.#prove(this.#current),
      ...(next && { nextWireguardKey: next.publicKey, nextWireguardProof: this.#prove(next) }),
    };
  }

  async round(): Promise<void> {
    const { files, onAnnounced, onSwitched, policy, logger } = this.#options;
    const found = await files.next();
    // Made before a restart: it was announced then, and has to be again.
    if (found && !this.#next) return this.#announce(found.key);
    const observed = { currentAgeMs: await files.currentAgeMs(), nextAgeMs: found?.ageMs, isAsked: false };
    switch (planRotation(observed, policy)) {
      case "announce":
        return this.#announce(await files.make());
      case "switch":
        if (!this.#next) return;
        await files.adopt();
        this.#current = this.#next;
        this.#next = undefined;
        logger.info("a new WireGuard key is in use", { publicKey: toHex(this.#current.publicKey) });
        onSwitched();
        return onAnnounced();
      case undefined:
        return;
    }
  }

  /** Once for each key: it costs some milliseconds. */
  #prove(key: AgreementKey): Uint8Array {
    const known = this.#proofs.get(key);
    if (known) return known;
    const made = proveAgreementKey(key, PURPOSE, this.#options.nodeId);
    this.#proofs.set(key, made);
    return made;
  }

  #announce(next: AgreementKey): void {
    this.#next = next;
    this.#options.logger.info("a new WireGuard key is announced", { publicKey: toHex(next.publicKey) });
    this.#options.onAnnounced();
  }
}
