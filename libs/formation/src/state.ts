import { NodeId, decodeCbor, encodeCbor } from "@cluster-os/identity";
import { RingKey } from "@cluster-os/admission";
import { invariant, type Instant } from "@cluster-os/std";
import { z } from "zod";
import { Bytes } from "./fields.ts";
import { AcceptorState } from "./ballot-message.ts";

/** Which machine begins Kubernetes, in which attempt. */
export const Epoch = z.object({ epoch: z.int().min(0), initialiser: NodeId });
export type Epoch = z.infer<typeof Epoch>;

const EpochState = z.object({
  /** The newest epoch known to be decided; undefined before genesis. */
  current: Epoch.optional(),
  /** The epoch this server joined Kubernetes under. */
  joined: z.int().min(0).optional(),
  /** The highest epoch this server voted for. */
  voted: z.int().min(0),
  /** The ballots on the epochs after the current one, by epoch. */
  ballots: z.array(z.tuple([z.int().min(1), AcceptorState])),
});

/** Everything a node remembers across restarts. It holds secrets: it is kept 0600 and never sent. */
export const NodeState = z.object({
  version: z.literal(1),
  /** Counts starts of the process; gossip's nonces rest on it. */
  bootCounter: z.int().min(0),
  /** The most unformed machines seen at once, this one included. */
  seenCount: z.int().min(1),
  genesisBallot: AcceptorState,
  /** The genesis record this node knows. Who ever held one founds no other. */
  genesis: Bytes.optional(),
  /** Empty until this node is admitted. */
  ringKeys: z.array(RingKey),
  /** The authority's records of them, and of the newest. */
  ringRecords: z.array(Bytes),
  authoritySeed: Bytes.optional(),
  /** The record of the join key in force, if there was a rotation. */
  joinKey: Bytes.optional(),
  /** The newest entry of the audit log. */
  auditHead: Bytes.optional(),
  admissions: z.array(Bytes),
  revocations: z.array(Bytes),
  epochs: EpochState,
  established: Bytes.optional(),
  /** The newest record of who runs the control plane. */
  roles: Bytes.optional(),
  /** Where other members were last reached. */
  peers: z.array(z.tuple([NodeId, z.string()])),
});
export type NodeState = z.infer<typeof NodeState>;

/** The remembered state cannot be used. */
export class NodeStateError extends Error {
  override readonly name = "NodeStateError";
}

const FIRST_STATE: NodeState = {
  version: 1,
  bootCounter: 0,
  seenCount: 1,
  genesisBallot: {},
  ringKeys: [],
  ringRecords: [],
  admissions: [],
  revocations: [],
  epochs: { voted: 0, ballots: [] },
  peers: [],
};

export function encodeNodeState(state: NodeState): Uint8Array {
  return encodeCbor(state);
}

/** The state of a first boot for undefined. A damaged state is refused: forgetting a promise could found two clusters. */
export function decodeNodeState(bytes: Uint8Array | undefined): NodeState {
  if (!bytes) return FIRST_STATE;
  try {
    return NodeState.parse(decodeCbor(bytes));
  } catch (cause) {
    throw new NodeStateError(
      "the remembered state of formation is damaged. What it promised to others is lost with it, so it is not replaced " +
        "silently. Restore it from a backup; or move the identity and state folders away to join as a new node",
      { cause },
    );
  }
}

/** The state in memory, and whether the disk is behind. */
export class NodeStore {
  #state: NodeState;
  #isUrgent = false;
  #lazyAt: Instant = Infinity;

  constructor(state: NodeState) {
    this.#state = state;
  }

  get state(): NodeState {
    return this.#state;
  }

  /** When changes that can wait are due. */
  get wakeAt(): Instant {
    return this.#isUrgent ? -Infinity : this.#lazyAt;
  }

  /** Something others will rely on: on disk before anything else leaves this step. */
  change(fields: Partial<NodeState>): void {
    this.#state = { ...this.#state, ...fields };
    this.#isUrgent = true;
  }

  /** Something that would be learnt again: on disk by `at`. */
  changeLazily(fields: Partial<NodeState>, at: Instant): void {
    this.#state = { ...this.#state, ...fields };
    this.#lazyAt = Math.min(this.#lazyAt, at);
  }

  changeEpochs(fields: Partial<NodeState["epochs"]>): void {
    this.change({ epochs: { ...this.#state.epochs, ...fields } });
  }

  /** The bytes to persist now, if any are due. */
  takeDue(now: Instant): Uint8Array | undefined {
    if (!this.#isUrgent && now < this.#lazyAt) return undefined;
    this.#isUrgent = false;
    this.#lazyAt = Infinity;
    const bytes = encodeNodeState(this.#state);
    invariant(bytes.length > 0, "an encoded state has bytes");
    return bytes;
  }
}
