import type { NodeId } from "@cluster-os/identity";
import type { Address } from "@cluster-os/membership";
import type { Instant } from "@cluster-os/std";
import type { FormationContext } from "./context.ts";
import type { FormationTopic } from "./effect.ts";
import type { MissingKey } from "./ring-keeper.ts";

export type FormationOptions = Omit<FormationContext, "neighbours" | "diagnostics" | "joinKeys" | "emit"> & {
  readonly now: Instant;
};

/** That a node is revoked, as the Kubernetes API has it: every server signs the very same record of it. */
export interface RevocationDecision {
  readonly nodeId: NodeId;
  /** Unix milliseconds. Now, if left out. */
  readonly revokedAt?: number;
  /** IDs of the join keys that admit nobody unattended any more. None, if left out. */
  readonly retiredJoinKeys?: readonly string[];
}

export type FormationInput =
  | { readonly kind: "wake" }
  | { readonly kind: "datagram"; readonly from: Address; readonly bytes: Uint8Array }
  /** From another member, authenticated by membership. */
  | {
      readonly kind: "message";
      readonly from: NodeId;
      readonly topic: FormationTopic;
      readonly body: Uint8Array;
    }
  | { readonly kind: "admit"; readonly nodeId: NodeId; readonly index: number }
  | ({ readonly kind: "revoke" } & RevocationDecision)
  | { readonly kind: "joined"; readonly epoch: number }
  | { readonly kind: "rotate-ring-key" }
  | ({ readonly kind: "unknown-ring-key" } & MissingKey);

/** What `status` shows of how this machine looks for others. */
export interface Discovery {
  /** Answers to single machines included. */
  readonly beaconsSent: number;
  /** Genuine ones of other machines, whatever their join key. */
  readonly beaconsHeard: number;
  /** Milliseconds since the last of them; absent if there was none. */
  readonly silentForMs?: number;
  /** Machines that are heard and say that they hear nobody. */
  readonly unheardBy: number;
}

/** Beacons sent, beacons of others heard, those of them with another join key, and messages refused. */
export interface FormationCounters {
  readonly sent: number;
  readonly heard: number;
  readonly foreign: number;
  readonly refused: number;
}
