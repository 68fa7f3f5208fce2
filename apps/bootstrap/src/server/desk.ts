import type { AdmissionPayload, Genesis, JoinKeyDecision } from "@cluster-os/admission";
import { AUDIT_HEAD_KEY, type RevocationDecision, type RingKeyStatus } from "@cluster-os/formation";
import { signingKeyFromSeed, type NodeId } from "@cluster-os/identity";
import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import type { KubeClient } from "@cluster-os/kube";
import { describeError, type Logger, type Rng } from "@cluster-os/std";
import { Applicants } from "./applicants.ts";
import { AuditLog, type AuditNote } from "./audit-log.ts";
import { auditNotes } from "./audit-notes.ts";
import { JoinKeyRotation } from "./join-key-rotation.ts";
import type { NodeEvents } from "./node-events.ts";
import { Revocations, type RevocationsOptions } from "./revocations.ts";

/** What the desk has of the protocol: what is known, and what it may have signed and spread. */
export interface Trust {
  readonly genesis: () => Genesis | undefined;
  readonly authoritySeed: () => Uint8Array | undefined;
  readonly admissions: () => readonly AdmissionPayload[];
  readonly ringKey: () => RingKeyStatus | undefined;
  readonly joinKeySequence: () => number;
  readonly isMember: (nodeId: NodeId) => boolean;
  readonly admit: (nodeId: NodeId, index: number) => Promise<void>;
  readonly revoke: (decision: RevocationDecision) => Promise<void>;
  readonly setJoinKey: (decision: JoinKeyDecision) => Promise<void>;
  readonly publish: (key: string, bytes: Uint8Array) => Promise<void>;
}

export interface DeskOptions {
  readonly kube: KubeClient;
  readonly trust: Trust;
  readonly view: RevocationsOptions["view"];
  readonly self: NodeId;
  readonly events: Pick<NodeEvents, "tell">;
  readonly etcdMembers: () => Promise<readonly EtcdMemberStatus[]>;
  readonly removeMember: (nodeName: string) => Promise<void>;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** Everything on a server about who may be in the cluster: applicants, revocations, the join key, and the log of it all. */
export class Desk {
  readonly revocations: Revocations;
  readonly applicants: Applicants;
  readonly joinKey: JoinKeyRotation;
  readonly #audit: AuditLog;
  readonly #genesis: Genesis;
  readonly #trust: Trust;
  readonly #logger: Logger;
  /** Why the log could not be written, the last time that it was tried. */
  #logFailure: string | undefined;

  constructor(options: DeskOptions) {
    const { kube, trust, view, rng, logger } = options;
    const genesis = trust.genesis();
    if (!genesis) throw new Error("a server without a genesis record");
    this.#genesis = genesis;
    this.#trust = trust;
    this.#logger = logger;
    this.revocations = new Revocations({ ...options, revoke: trust.revoke });
    this.applicants = new Applicants({
      kube,
      isMember: trust.isMember,
      roster: () => view.roster(),
      isRevoked: (nodeId) => view.isRevoked(nodeId),
      admit: trust.admit,
      logger,
    });
    this.joinKey = new JoinKeyRotation({
      kube,
      rng,
      acceptedIds: () => view.joinKeyIds,
      sequence: trust.joinKeySequence,
      publish: trust.setJoinKey,
    });
    this.#audit = new AuditLog({
      kube,
      authority: { clusterId: genesis.clusterId, authorityKey: genesis.payload.authorityKey },
      genesisBytes: genesis.bytes,
      signer: () => {
        const seed = trust.authoritySeed();
        return seed && signingKeyFromSeed(seed);
      },
      publishHead: (entry) => trust.publish(AUDIT_HEAD_KEY, entry),
    });
  }

  /** Forgets what was seen: another server may have led since. */
  restart(): void {
    this.revocations.restart();
    this.#audit.restart();
  }

  /** By the server that leads. False when it is this server itself that is revoked. */
  async round(wallTime: number): Promise<boolean> {
    if (!(await this.revocations.round(wallTime))) return false;
    await this.applicants.answer(wallTime);
    await this.joinKey.round();
    const decided = {
      genesis: this.#genesis.payload,
      admissions: this.#trust.admissions(),
      revocations: await this.revocations.list(),
      joinKeys: await this.joinKey.list(),
      ringKey: this.#trust.ringKey(),
    };
    await this.note(auditNotes(decided));
    return true;
  }

  /** Nothing that is done waits for the log to work: where it does not, that is said once. */
  async note(notes: readonly AuditNote[]): Promise<void> {
    try {
      await this.#audit.keep(notes);
      this.#logFailure = undefined;
    } catch (error) {
      const failure = describeError(error);
      if (failure !== this.#logFailure) this.#logger.warn("the audit log does not grow", { error: failure });
      this.#logFailure = failure;
    }
  }

  /** The log as the API has it. */
  async audit(): Promise<{
    readonly genesis: Genesis;
    readonly entries: readonly (Uint8Array | undefined)[];
  }> {
    return { genesis: this.#genesis, entries: await this.#audit.list() };
  }
}
