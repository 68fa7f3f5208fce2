import { compareBytes, equalBytes, type Instant } from "@cluster-os/std";
import type { Address } from "@cluster-os/membership";
import type { HeardBeacon } from "./beacon.ts";
import { diagnose, type FormationContext } from "./context.ts";

/** Another machine with this identity is believed only after this: until then it may be this machine's former process. */
const OWN_ECHO_MS = 3_000;

/**
 * Notices that another machine runs with this one's identity - a cloned disk - and which of the two gives way: two of one name would
 * pull its address, its tunnel and its Kubernetes node back and forth. The one that started last stays, since the other members
 * refuse messages from before a node's last start anyway; of two that started equally often, the one with the greater random
 * number. A recording of an earlier beacon of this very machine is behind it, so nobody else can make it give way.
 */
export class OwnCopy {
  readonly #context: FormationContext;
  readonly #instance: Uint8Array;
  readonly #startedAt: Instant;
  #hasYielded = false;

  constructor(context: FormationContext, instance: Uint8Array, startedAt: Instant) {
    this.#context = context;
    this.#instance = instance;
    this.#startedAt = startedAt;
  }

  /** Whether this machine has given way, for as long as this process lives. */
  get hasYielded(): boolean {
    return this.#hasYielded;
  }

  /** A beacon under this machine's own node ID. */
  hear(beacon: HeardBeacon, from: Address, now: Instant): void {
    if (equalBytes(beacon.instance, this.#instance) || now - this.#startedAt < OWN_ECHO_MS) return;
    const { nodeId } = this.#context.identity;
    diagnose(this.#context, { kind: "duplicate-identity", nodeId, address: from }, now);
    if (this.#hasYielded || !this.#isAhead(beacon)) return;
    this.#hasYielded = true;
    diagnose(this.#context, { kind: "identity-yielded", address: from }, now, true);
  }

  #isAhead({ bootCounter, instance }: HeardBeacon): boolean {
    const own = this.#context.store.state.bootCounter;
    return bootCounter === own ? compareBytes(instance, this.#instance) > 0 : bootCounter > own;
  }
}
