import {
  nodeIdOf,
  openRecord,
  RecordError,
  signRecord,
  type Identity,
  type NodeId,
  type RecordType,
} from "@cluster-os/identity";
import { z } from "zod";
import { NodeDescription } from "./member.ts";

/**
 * A node's own count of what it said of itself. No life of a node counts further (2^32 boots of 2^20 statements each), and
 * above it a node could not count on.
 */
export const Incarnation = z
  .int()
  .min(0)
  .max(2 ** 52 + 2 ** 20);

/** A statement is a few hundred bytes, passed on to everybody: whoever says more than this says nothing. */
const LARGEST_STATEMENT_BYTES = 4_096;

const NodeRecord: RecordType<{ incarnation: number; description: NodeDescription }> = {
  name: "node",
  version: 1,
  payload: z.object({ incarnation: Incarnation, description: NodeDescription }),
};

const LeavingRecord: RecordType<{ incarnation: number }> = {
  name: "leaving",
  version: 1,
  payload: z.object({ incarnation: Incarnation }),
};

/** What a node said of itself, signed by it. `bytes` is the record, kept and passed on as it is. */
export interface Statement {
  readonly kind: "alive" | "left";
  readonly nodeId: NodeId;
  readonly incarnation: number;
  /** Undefined when the node left. */
  readonly description: NodeDescription | undefined;
  readonly bytes: Uint8Array;
}

export function signAlive(identity: Identity, incarnation: number, description: NodeDescription): Statement {
  const bytes = signRecord(NodeRecord, { incarnation, description }, identity);
  return { kind: "alive", nodeId: identity.nodeId, incarnation, description, bytes };
}

export function signLeft(identity: Identity, incarnation: number): Statement {
  const bytes = signRecord(LeavingRecord, { incarnation }, identity);
  return { kind: "left", nodeId: identity.nodeId, incarnation, description: undefined, bytes };
}

/**
 * Opens statements and remembers those it opened: in a storm the same record comes a dozen times, and checking a
 * signature costs 0.1 ms.
 */
export class StatementReader {
  readonly #limit: number;
  readonly #opened = new Map<string, Statement>();

  constructor(limit = 4_096) {
    this.#limit = limit;
  }

  /** Throws a RecordError if the record is not what `kind` says, or not genuine. */
  open(kind: Statement["kind"], bytes: Uint8Array): Statement {
    if (bytes.length > LARGEST_STATEMENT_BYTES)
      throw new RecordError(`a ${kind} record of ${bytes.length} bytes`);
    const key = `${kind} ${Buffer.from(bytes).toString("latin1")}`;
    const known = this.#opened.get(key);
    if (known) return known;
    const opened = kind === "alive" ? openAlive(bytes) : openLeft(bytes);
    if (this.#opened.size >= this.#limit) this.#opened.clear();
    this.#opened.set(key, opened);
    return opened;
  }
}

function openAlive(bytes: Uint8Array): Statement {
  const { payload, signer } = openRecord(NodeRecord, bytes);
  return { kind: "alive", nodeId: nodeIdOf(signer), ...payload, bytes };
}

function openLeft(bytes: Uint8Array): Statement {
  const { payload, signer } = openRecord(LeavingRecord, bytes);
  return { kind: "left", nodeId: nodeIdOf(signer), ...payload, description: undefined, bytes };
}
