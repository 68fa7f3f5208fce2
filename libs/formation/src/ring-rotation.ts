import { nextRingKeyId, ringKeyCheck, signRingKey, type RingKeyPayload } from "@cluster-os/admission";
import { signingKeyFromSeed } from "@cluster-os/identity";
import { compareText, type Instant } from "@cluster-os/std";
import type { FormationContext } from "./context.ts";
import { RING_KEY_KEY, type Ledger, type Statement } from "./ledger.ts";

/** How often a server looks whether all have the staged key, in milliseconds. */
const LOOK_MS = 100;
/** Of several servers one rotates after a revocation; the next in order does if it did not, so much later. */
const TURN_MS = 3_000;

/** A server's part in rotations: makes new keys, and says when all seal with them. It does nothing on other machines. */
export class RingRotation {
  readonly #context: FormationContext;
  readonly #ledger: Ledger;
  /** Remembers a statement that this server made, and spreads it. */
  readonly #state: (statement: Statement) => void;
  /** The newest staged key, and when this server heard of it. */
  #staged: { readonly id: number; readonly at: Instant } | undefined;
  #lookAt: Instant = Infinity;
  #dueAt: Instant | undefined;

  constructor(context: FormationContext, ledger: Ledger, state: (statement: Statement) => void) {
    this.#context = context;
    this.#ledger = ledger;
    this.#state = state;
  }

  get wakeAt(): Instant {
    return Math.min(this.#lookAt, this.#dueAt ?? Infinity);
  }

  /** Says when all seal with a new key; returns whether one is to be made. */
  drive(now: Instant): boolean {
    if (!this.#context.store.state.authoritySeed) return false;
    this.#followStaged(now);
    return this.#isDue(now);
  }

  #followStaged(now: Instant): void {
    const newest = this.#newest;
    if (newest?.stage !== "staged") {
      this.#lookAt = Infinity;
      return;
    }
    if (this.#staged?.id !== newest.id) this.#staged = { id: newest.id, at: now };
    else if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK_MS;
    if (this.#isEverywhere(newest.id) || now - this.#staged.at >= this.#context.config.ringActivateMs)
      this.#activate(newest);
  }

  /** Makes a key, staged; says whether it did. A key that is being handed out and excludes all it should is enough. */
  begin(now: Instant): boolean {
    const { store, rng, wallTime } = this.#context;
    const seed = store.state.authoritySeed;
    this.#dueAt = undefined;
    if (!seed || (this.#newest?.stage === "staged" && !this.#isUncovered)) return false;
    const { genesis, ring, roster } = this.#ledger;
    const { clusterId } = genesis;
    const newestId = Math.max(ring.ring.newestHeld, this.#newest?.id ?? 0);
    const key = { id: nextRingKeyId(newestId, rng), key: rng.bytes(32) };
    const payload: RingKeyPayload = {
      clusterId,
      id: key.id,
      check: ringKeyCheck(key, clusterId),
      stage: "staged",
      revocations: roster.revocationCount,
      madeAt: wallTime(),
    };
    const record = signRingKey(payload, signingKeyFromSeed(seed));
    ring.take({ keys: [key], records: [record] });
    this.#state({ key: RING_KEY_KEY, bytes: record });
    this.#staged = { id: key.id, at: now };
    this.#lookAt = now + LOOK_MS;
    return true;
  }

  /** The same bytes on every server, so it matters to nobody which of them come first. */
  #activate(staged: RingKeyPayload): void {
    const seed = this.#context.store.state.authoritySeed;
    if (!seed) return;
    const record = signRingKey({ ...staged, stage: "active" }, signingKeyFromSeed(seed));
    this.#state({ key: RING_KEY_KEY, bytes: record });
    this.#lookAt = Infinity;
  }

  /** A revoked node holds the ring key of its time: whoever is first among the living servers makes another. */
  #isDue(now: Instant): boolean {
    if (!this.#isUncovered) {
      this.#dueAt = undefined;
      return false;
    }
    this.#dueAt ??= now + this.#context.config.ringFollowMs + this.#turn() * TURN_MS;
    return now >= this.#dueAt;
  }

  #turn(): number {
    const own = this.#context.identity.nodeId;
    const servers = this.#context.peers().filter(({ isServer, isAlive }) => isServer && isAlive);
    return servers.filter(({ nodeId }) => compareText(nodeId, own) < 0).length;
  }

  #isEverywhere(id: number): boolean {
    const { roster, ring } = this.#ledger;
    const others = this.#context
      .peers()
      .filter(({ isAlive, nodeId }) => isAlive && roster.isAdmitted(nodeId));
    return ring.ring.holds(id) && others.every(({ ringKeyId }) => (ringKeyId ?? 0) >= id);
  }

  get #newest(): RingKeyPayload | undefined {
    return this.#ledger.ring.ring.newestRecord?.payload;
  }

  get #isUncovered(): boolean {
    return this.#ledger.roster.revocationCount > (this.#newest?.revocations ?? 0);
  }
}
