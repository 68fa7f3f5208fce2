import { auditObject, AUDIT_LABEL, NAMESPACE, readAuditObject } from "@cluster-os/api";
import {
  auditHash,
  auditSubject,
  describeAuditEvent,
  openAuditEntry,
  signAuditEntry,
  type AuditEvent,
  type Authority,
} from "@cluster-os/admission";
import type { NodeId, SigningKey } from "@cluster-os/identity";
import { RESOURCES, type KubeClient } from "@cluster-os/kube";
import { createOnce } from "./kube.ts";

/** Something to be in the log. */
export interface AuditNote {
  readonly event: AuditEvent;
  /** Unix milliseconds. */
  readonly at: number;
  readonly by: string;
}

/** Puts into the log what a machine asked for and gets; again is the same. Never fails. */
export type RecordAct = (event: AuditEvent, askedBy: NodeId) => Promise<void>;

export interface AuditLogOptions {
  readonly kube: KubeClient;
  readonly authority: Authority;
  /** Where the chain begins. */
  readonly genesisBytes: Uint8Array;
  /** Undefined while this server has no authority key. */
  readonly signer: () => SigningKey | undefined;
  /** Has the newest entry spread to all members. */
  readonly publishHead: (entry: Uint8Array) => Promise<void>;
}

/**
 * The audit log in the API, where a majority keeps it: signed entries, each with the hash of the one before it. Only what
 * is not there yet is added, so whoever leads may go through all that was ever decided.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  /** As far as this process has read it. */
  #entries: readonly Uint8Array[] | undefined;
  #subjects = new Set<string>();

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Forgets what was read: another server may have written since. */
  restart(): void {
    this.#entries = undefined;
  }

  /** The signed entries, from the first; undefined where one is missing. */
  async list(): Promise<readonly (Uint8Array | undefined)[]> {
    const selection = { namespace: NAMESPACE, labelSelector: `${AUDIT_LABEL}=entry` };
    const { items } = await this.#options.kube.list(RESOURCES.configMap, selection);
    const entries: (Uint8Array | undefined)[] = [];
    for (const object of items) {
      const read = readAuditObject(object);
      if (read) entries[read.sequence - 1] = read.record;
    }
    return Array.from(entries);
  }

  /** Adds what the log does not have yet, in this order. */
  async keep(notes: readonly AuditNote[]): Promise<void> {
    if (!this.#entries) await this.#read();
    for (const note of notes) {
      while (!this.#subjects.has(auditSubject(note.event))) {
        // Another server wrote this number meanwhile: perhaps of the very same.
        if (!(await this.#append(note))) await this.#read();
      }
    }
  }

  async #append({ event, at, by }: AuditNote): Promise<boolean> {
    const { kube, authority, genesisBytes, signer, publishHead } = this.#options;
    const key = signer();
    const entries = this.#entries ?? [];
    if (!key) throw new Error("a server without the authority key writes no audit log");
    const sequence = entries.length + 1;
    const previous = auditHash(entries.at(-1) ?? genesisBytes);
    const payload = { clusterId: authority.clusterId, sequence, previous, at: Math.round(at), by, event };
    const bytes = signAuditEntry(payload, key);
    if (!(await createOnce(kube, auditObject(sequence, bytes, describeAuditEvent(event))))) return false;
    this.#entries = [...entries, bytes];
    this.#subjects.add(auditSubject(event));
    await publishHead(bytes);
    return true;
  }

  /** Nothing is built upon a log with a gap. */
  async #read(): Promise<void> {
    const entries = await this.list();
    const gap = entries.indexOf(undefined);
    if (gap >= 0)
      throw new Error(`entry ${gap + 1} of the audit log is missing; \`cluster-os audit verify\` tells more`);
    const whole = entries as readonly Uint8Array[];
    const { authority } = this.#options;
    this.#entries = whole;
    this.#subjects = new Set(
      whole.map((bytes) => auditSubject(openAuditEntry(bytes, authority).payload.event)),
    );
  }
}
