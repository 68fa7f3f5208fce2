import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";
import type { Address } from "./member.ts";

/**
 * What no sound member does: "news" that is malformed, too large or not signed by whom it is about; a "fact" that is not genuine; a
 * message under a member's name that is not its own, "forged" by somebody who holds the ring key.
 */
export type Misconduct = "news" | "fact" | "forged";

export interface Misdeed {
  readonly kind: "misconduct";
  /** In whose name it came. Of what is forged, this is the victim, and the address is all there is of the other. */
  readonly nodeId: NodeId;
  readonly from: Address;
  readonly what: Misconduct;
}

/** So many refusals at once, and so many more each second, are looked at; what comes beyond is passed over unread. */
const BURST = 64;
const PER_SECOND = 4;
/** A member that lies under many names fills no memory. */
const MOST_NAMED = 1_024;

interface Allowance {
  left: number;
  at: Instant;
}

/**
 * How members behave. A member whose word is refused is named once, and once it had a lot refused nothing that it tells of
 * others is read for a while: checking a signature costs what a thousand cheaper checks do. Its pings are answered all the
 * same, and what others say of it counts, so that a defect of one member is no death.
 */
export class Conduct {
  readonly #emit: (misdeed: Misdeed) => void;
  readonly #named = new Set<string>();
  readonly #allowances = new Map<NodeId, Allowance>();

  constructor(emit: (misdeed: Misdeed) => void) {
    this.#emit = emit;
  }

  /** Whether what this node tells is read now. */
  isHeard(nodeId: NodeId, now: Instant): boolean {
    const allowance = this.#allowances.get(nodeId);
    if (!allowance) return true;
    refill(allowance, now);
    if (allowance.left >= BURST) this.#allowances.delete(nodeId);
    return allowance.left >= 1;
  }

  refused(misdeed: Omit<Misdeed, "kind">, now: Instant): void {
    const { nodeId, what } = misdeed;
    const name = `${what} ${nodeId}`;
    if (!this.#named.has(name) && this.#named.size < MOST_NAMED) {
      this.#named.add(name);
      this.#emit({ kind: "misconduct", ...misdeed });
    }
    // Whoever forges speaks in another's name: that one is not to be silenced for it.
    if (what === "forged") return;
    const allowance = this.#allowances.get(nodeId) ?? { left: BURST, at: now };
    refill(allowance, now);
    allowance.left = Math.max(0, allowance.left - 1);
    if (this.#allowances.size < MOST_NAMED) this.#allowances.set(nodeId, allowance);
  }

  forget(nodeId: NodeId): void {
    this.#allowances.delete(nodeId);
  }
}

function refill(allowance: Allowance, now: Instant): void {
  const earned = (Math.max(0, now - allowance.at) / 1_000) * PER_SECOND;
  allowance.left = Math.min(BURST, allowance.left + earned);
  allowance.at = now;
}
