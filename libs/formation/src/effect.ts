import type { EstablishedPayload, Genesis } from "@cluster-os/admission";
import type { NodeId } from "@cluster-os/identity";
import type { Address } from "@cluster-os/membership";
import type { Diagnostic } from "./diagnostic.ts";

/** Who asks to be admitted. The signature was checked. */
export interface ApplicantView {
  readonly nodeId: NodeId;
  readonly wireguardKey: Uint8Array;
  readonly sealingKey: Uint8Array;
  /** Holds the join key: may be admitted unattended. Otherwise someone must approve it. */
  readonly hasJoinKey: boolean;
}

/** What formation asks of its surroundings. What it changed in the store is to be on disk before any of it. */
export type FormationEffect =
  | { readonly kind: "send"; readonly to: Address; readonly bytes: Uint8Array }
  | { readonly kind: "multicast"; readonly bytes: Uint8Array }
  /** To a member, through membership. */
  | { readonly kind: "tell"; readonly to: NodeId; readonly topic: FormationTopic; readonly body: Uint8Array }
  /** This node became a member, or was one already when the process started. `seeds`: where others were heard. */
  | { readonly kind: "admitted"; readonly genesis: Genesis; readonly seeds: readonly Address[] }
  /** A member was heard that membership may not know: try it. */
  | { readonly kind: "meet"; readonly address: Address }
  /** To be spread to all members. */
  | { readonly kind: "publish"; readonly key: string; readonly bytes: Uint8Array }
  /** The ring changed: what opens messages, or what seals them. */
  | { readonly kind: "ring-keys" }
  | { readonly kind: "application"; readonly applicant: ApplicantView }
  | { readonly kind: "epoch"; readonly epoch: number; readonly initialiser: NodeId }
  | { readonly kind: "established"; readonly established: EstablishedPayload }
  | { readonly kind: "diagnostic"; readonly diagnostic: Diagnostic };

/** Topics of messages between members that belong to formation; the app's own do not begin so. */
export type FormationTopic = "formation/epoch" | "formation/application" | "formation/answer";
