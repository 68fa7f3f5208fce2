import type { AgreementKey, Identity, NodeId } from "@cluster-os/identity";
import type { Address } from "@cluster-os/membership";
import type { Instant, Rng } from "@cluster-os/std";
import type { FormationConfig } from "./config.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { Diagnostics } from "./diagnostics.ts";
import type { FormationEffect } from "./effect.ts";
import type { JoinKey } from "./join-key.ts";
import type { JoinKeys } from "./join-keys.ts";
import type { Neighbours } from "./neighbours.ts";
import type { FormationRules } from "./rules.ts";
import type { NodeStore } from "./state.ts";

/** Another member, as membership sees it. */
export interface Peer {
  readonly nodeId: NodeId;
  readonly isAlive: boolean;
  readonly address: Address;
  /** Holds the authority key, so it can admit. */
  readonly isServer: boolean;
  /** What it says of itself: the key to which secrets for it are sealed, and the newest ring key it holds. */
  readonly sealingKey?: Uint8Array | undefined;
  readonly ringKeyId?: number | undefined;
}

/** What the parts of formation share: who this node is, what it remembers and hears, and where effects go. */
export interface FormationContext {
  readonly identity: Identity;
  readonly wireguardKey: Uint8Array;
  readonly sealing: AgreementKey;
  /** From the given file: what this machine founds and applies with. */
  readonly joinKey: JoinKey;
  /** That one, and what a member knows besides. */
  readonly joinKeys: JoinKeys;
  readonly expect: number | undefined;
  readonly rng: Rng;
  readonly wallTime: () => number;
  readonly config: FormationConfig;
  readonly rules: FormationRules;
  readonly store: NodeStore;
  readonly neighbours: Neighbours;
  readonly diagnostics: Diagnostics;
  readonly lanSubnets: () => readonly string[];
  /** The other members; empty before this node is one. */
  readonly peers: () => readonly Peer[];
  readonly emit: (effect: FormationEffect) => void;
}

/** Announces a condition when it begins. */
export function diagnose(
  context: FormationContext,
  diagnostic: Diagnostic,
  now: Instant,
  isLasting = false,
): void {
  if (context.diagnostics.note(diagnostic, now, isLasting)) context.emit({ kind: "diagnostic", diagnostic });
}
