import type { AdmissionPayload, Genesis, JoinKeyDecision, RolesPayload } from "@cluster-os/admission";
import { AUDIT_HEAD_KEY, joinKeyId, type RevocationDecision } from "@cluster-os/formation";
import { signingKeyFromSeed, type NodeId } from "@cluster-os/identity";
import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import type { KubeClient } from "@cluster-os/kube";
import { describeError, type Logger, type Rng } from "@cluster-os/std";
import { Applicants } from "./applicants.ts";
import { AuditLog, type AuditNote } from "./audit-log.ts";
import { JoinKeyRotation } from "./join-key-rotation.ts";
import type { NodeEvents } from "./node-events.ts";
import { Revocations, type RevocationsOptions } from "./revocations.ts";

/** What the desk has of the protocol: what is known, and what it may have signed and spread. */
export interface Trust {
  readonly genesis: () => Genesis | undefined;
  readonly authoritySeed: () => Uint8Array | undefined;
  readonly admissions: () => readonly AdmissionPayload[];
  readonly roles: () => RolesPayload | undefined;
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
    await this.#keepLog();
    return true;
  }

  /** Nothing that is decided waits for the log: what it lacks is added once it can be. */
  async #keepLog(): Promise<void> {
    try {
      await this.#audit.keep(await this.#notes());
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

  /** All that was ever decided and is known here, in the order in which it was. */
  async #notes(): Promise<readonly AuditNote[]> {
    const { createdAt, founders, servers } = this.#genesis.payload;
    const founding: AuditNote = {
      event: { kind: "genesis", founders: founders.map(({ nodeId }) => nodeId), servers: [...servers] },
      at: createdAt,
      by: "the founders",
    };
    const by = "a server";
    const admissions = this.#trust.admissions().map(({ nodeId, index, admittedAt }): AuditNote => ({
      event: { kind: "admission", nodeId, index },
      at: admittedAt,
      by,
    }));
    const revocations = (await this.revocations.list()).map(
      ({ nodeId, wasServer, revokedAt, decidedBy }): AuditNote => ({
        event: { kind: "revocation", nodeId: nodeId as NodeId, wasServer },
        at: revokedAt,
        by: decidedBy.slice(0, 200),
      }),
    );
    const keys = (await this.joinKey.list()).map(({ sequence, key, createdAt: at }): AuditNote => ({
      event: { kind: "join-key", sequence, id: joinKeyId(key) },
      at,
      by,
    }));
    const roles = this.#trust.roles();
    const changes: readonly AuditNote[] = roles
      ? [{ event: { kind: "roles", epoch: roles.epoch, servers: roles.servers }, at: roles.decidedAt, by }]
      : [];
    const later = [...admissions, ...revocations, ...keys, ...changes];
    return [founding, ...later.sort((left, right) => left.at - right.at)];
  }
}
