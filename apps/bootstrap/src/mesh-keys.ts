import type { AgreementKey } from "@cluster-os/identity";
import type { WireGuardKeyFiles } from "@cluster-os/identity/drivers";
import { planRotation, type RotationPolicy } from "@cluster-os/mesh";
import { toHex, type Logger } from "@cluster-os/std";

export interface MeshKeysOptions {
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

  constructor(options: MeshKeysOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  /** The key of the device. */
  get current(): AgreementKey {
    return this.#current;
  }

  /** What the other members are told. */
  described(): { readonly wireguardKey: Uint8Array; readonly nextWireguardKey?: Uint8Array } {
    return {
      wireguardKey: this.#current.publicKey,
      ...(this.#next && { nextWireguardKey: this.#next.publicKey }),
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

  #announce(next: AgreementKey): void {
    this.#next = next;
    this.#options.logger.info("a new WireGuard key is announced", { publicKey: toHex(next.publicKey) });
    this.#options.onAnnounced();
  }
}
