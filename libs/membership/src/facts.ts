import { createHash } from "node:crypto";
import { compareBytes, compareText, equalBytes } from "@cluster-os/std";
import type { FactDigest } from "./message.ts";
import type { Fact, MembershipOptions } from "./protocol.ts";

/** A megabyte: nothing that each member keeps is larger. */
const FACT_LIMIT_BYTES = 2 ** 20;
const HASH_BYTES = 8;

/** What became of a fact that was heard: learned, known (or older than what is known), or not genuine. */
export type FactOutcome = Fact | "known" | "refused";

/** The facts this node holds, one per key: that of the highest version, and of two of one version the greater bytes. */
export class FactStore {
  readonly #verify: MembershipOptions["verifyFact"];
  readonly #facts = new Map<string, Fact>();
  readonly #digests = new Map<string, FactDigest>();

  constructor(verify: MembershipOptions["verifyFact"]) {
    this.#verify = verify;
  }

  get all(): ReadonlyMap<string, Fact> {
    return this.#facts;
  }

  learn(key: string, bytes: Uint8Array): FactOutcome {
    const held = this.#facts.get(key);
    if (held && equalBytes(held.bytes, bytes)) return "known";
    const verified = bytes.length <= FACT_LIMIT_BYTES ? this.#verify(key, bytes) : undefined;
    if (!verified) return "refused";
    const fact: Fact = { version: verified.version, bytes };
    if (held && compareFacts(fact, held) <= 0) return "known";
    this.#facts.set(key, fact);
    this.#digests.set(key, { key, version: fact.version, hash: shortHash(bytes) });
    return fact;
  }

  /** By key. */
  digests(): readonly FactDigest[] {
    return [...this.#digests.values()].sort((left, right) => compareText(left.key, right.key));
  }

  /** The facts another node lacks, and the keys of those this node lacks. Different facts of one version go both ways. */
  compare(others: readonly FactDigest[]): {
    readonly give: readonly string[];
    readonly want: readonly string[];
  } {
    const theirs = new Map(others.map((digest) => [digest.key, digest]));
    const give = this.digests().filter((own) => isLacked(own, theirs.get(own.key)));
    const want = others.filter((other) => isLacked(other, this.#digests.get(other.key)));
    return { give: give.map(({ key }) => key), want: want.map(({ key }) => key) };
  }
}

function isLacked(offered: FactDigest, held: FactDigest | undefined): boolean {
  if (!held || offered.version !== held.version) return offered.version > (held?.version ?? -Infinity);
  return !equalBytes(offered.hash, held.hash);
}

function compareFacts(left: Fact, right: Fact): number {
  return left.version - right.version || compareBytes(left.bytes, right.bytes);
}

function shortHash(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest().subarray(0, HASH_BYTES));
}
