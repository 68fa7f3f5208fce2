import type { FormationConfig, FormationRules } from "@cluster-os/formation";
import type { MembershipConfig, MembershipRules } from "@cluster-os/membership";
import type { Instant } from "@cluster-os/std";
import type { Focus } from "./faults.ts";

/** Parts of the system that tests replace by broken ones, to show that it is noticed. */
export interface Variation {
  readonly rules?: Partial<FormationRules>;
  readonly membershipRules?: Partial<MembershipRules>;
  readonly membershipConfig?: Partial<MembershipConfig>;
  readonly formationConfig?: Partial<FormationConfig>;
  /** What a restart finds on the disk, given what was written. */
  readonly readDisk?: (disk: Uint8Array | undefined) => Uint8Array | undefined;
  /** What is to be persisted reaches the disk so much later than what follows it leaves, in milliseconds; 0 is right. */
  readonly persistLateMs?: number;
  /** Whether a machine wipes what it began under an epoch that another one followed. */
  readonly wipesStale?: boolean;
  /** The index a server takes for an applicant; by default the next one that nobody has, by an act that is atomic. */
  readonly takeIndex?: (request: IndexRequest) => number;
}

/** What is known where an index is taken. */
export interface IndexRequest {
  /** The next index that was never given, by the one API that all servers share. */
  readonly next: () => number;
  /** The highest index that the asking server knows of. */
  readonly highestKnown: number;
}

export interface SimulationOptions extends Variation {
  readonly seed: number;
  readonly machines: number;
  /** Default "all". */
  readonly focus?: Focus;
}

export interface Outcome {
  /** Virtual milliseconds until all was well. */
  readonly durationMs: Instant;
  /** Virtual milliseconds from the end of the last fault until all members agreed who is alive. */
  readonly convergedMs: number;
  readonly steps: number;
  readonly epochs: number;
  /** More than one only without `expect`. */
  readonly clusters: number;
  /** The initialiser was lost for good at the one moment after which only a person can decide. */
  readonly needsPerson: boolean;
}

/** A history that went wrong; the message has the seed that replays it and its last events. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
}
