import type { NodeId } from "@cluster-os/identity";
import { decodeCbor, encodeCbor, signingKeyFromSeed } from "@cluster-os/identity";
import { AdmissionError, signAdmission, signRevocation } from "@cluster-os/admission";
import type { Address } from "@cluster-os/membership";
import { randomInteger, type Instant } from "@cluster-os/std";
import { z } from "zod";
import { Bytes } from "./fields.ts";
import {
  openApplication,
  sealAnswer,
  unsealApplication,
  type OpenApplication,
} from "./application-record.ts";
import type { FormationContext } from "./context.ts";
import type { RevocationDecision } from "./formation-interface.ts";
import { frame } from "./frame.ts";
import { admissionKey, revocationKey, type Ledger, type Statement } from "./ledger.ts";
import { isUsableAgreementKey } from "./usable-key.ts";

/** Where an answer goes: to the applicant's address as `via` sees it, or as this member does. */
interface ReplyTo {
  readonly address: Address;
  readonly via: NodeId | undefined;
}

interface PendingApplication {
  readonly application: OpenApplication;
  readonly replyTo: ReplyTo;
  readonly announcedAt: Instant;
}

const Relayed = z.object({ applicant: Bytes, address: z.string().max(100) });
const RelayedAnswer = z.object({ answer: Bytes, address: z.string().max(100) });

/** Applications that wait for a decision; the oldest are forgotten, and applicants ask again. */
const MAX_PENDING = 500;
/** An application that is repeated is announced to the app again after this. */
const ANNOUNCE_AGAIN_MS = 10_000;

/**
 * A member's side of applications. Who is admitted already is answered by any member; the others' applications go to a
 * server, which announces them to its app and answers once `admit` says under which index. An answer takes the way back
 * that the application came, since a link-local address means something only to the member that heard it.
 */
export class Admitter {
  readonly #context: FormationContext;
  readonly #ledger: Ledger;
  /** Remembers a statement that this server made, and spreads it. */
  readonly #state: (statement: Statement) => void;
  readonly #pending = new Map<NodeId, PendingApplication>();

  constructor(context: FormationContext, ledger: Ledger, state: (statement: Statement) => void) {
    this.#context = context;
    this.#ledger = ledger;
    this.#state = state;
  }

  /** An application from the LAN. Throws a RecordError or SealError when it is not genuine. */
  receive(bytes: Uint8Array, from: Address, now: Instant): void {
    const applicant = unsealApplication(bytes, this.#context.sealing);
    this.#consider(applicant, { address: from, via: undefined }, now);
  }

  /** An application that another member passed on. */
  receiveRelayed(via: NodeId, body: Uint8Array, now: Instant): void {
    const { applicant, address } = Relayed.parse(decodeCbor(body));
    this.#consider(applicant, { address, via }, now);
  }

  /** An answer to be passed on to an applicant that this member heard. */
  passAnswer(body: Uint8Array): void {
    const { answer, address } = RelayedAnswer.parse(decodeCbor(body));
    this.#context.emit({ kind: "send", to: address, bytes: frame(answer) });
  }

  /** On a server: signs the admission of a node under an index and answers it, if it is waiting. Idempotent. */
  admit(nodeId: NodeId, index: number): void {
    const { store, wallTime } = this.#context;
    const { genesis, roster } = this.#ledger;
    const seed = store.state.authoritySeed;
    if (!seed || roster.isRevoked(nodeId)) return;
    if (!roster.isAdmitted(nodeId)) {
      const payload = { clusterId: genesis.clusterId, nodeId, index, admittedAt: wallTime() };
      this.#state({ key: admissionKey(nodeId), bytes: signAdmission(payload, signingKeyFromSeed(seed)) });
    }
    const waiting = this.#pending.get(nodeId);
    this.#pending.delete(nodeId);
    if (waiting && this.#ledger.roster.isAdmitted(nodeId)) this.#answer(waiting.application, waiting.replyTo);
  }

  /** On a server: this node is a member no longer. Idempotent. */
  revoke({ nodeId, revokedAt = this.#context.wallTime(), retiredJoinKeys = [] }: RevocationDecision): void {
    const { store } = this.#context;
    const { genesis, roster } = this.#ledger;
    const seed = store.state.authoritySeed;
    this.#pending.delete(nodeId);
    if (!seed || roster.isRevoked(nodeId)) return;
    const payload = {
      clusterId: genesis.clusterId,
      nodeId,
      revokedAt,
      retiredJoinKeys: [...retiredJoinKeys],
    };
    this.#state({ key: revocationKey(nodeId), bytes: signRevocation(payload, signingKeyFromSeed(seed)) });
  }

  #consider(bytes: Uint8Array, replyTo: ReplyTo, now: Instant): void {
    const application = openApplication(bytes, this.#context.joinKeys);
    const { nodeId, clusterId } = application;
    if (!isUsableAgreementKey(application.sealingKey))
      throw new AdmissionError(`nothing can be sealed to ${nodeId}`);
    if (clusterId !== this.#ledger.genesis.clusterId || this.#ledger.roster.isRevoked(nodeId)) return;
    if (this.#ledger.roster.isAdmitted(nodeId)) return this.#answer(application, replyTo);
    if (this.#context.store.state.authoritySeed) return this.#announce(application, replyTo, now);
    // Only one hop: what another member passed on goes no further.
    if (replyTo.via === undefined) this.#relay(application, replyTo.address);
  }

  #announce(application: OpenApplication, replyTo: ReplyTo, now: Instant): void {
    const { nodeId, wireguardKey, sealingKey, joinKey } = application;
    const hasJoinKey = joinKey !== undefined && !this.#ledger.isRetired(joinKey.id);
    const known = this.#pending.get(nodeId);
    const isDue = !known || now - known.announcedAt >= ANNOUNCE_AGAIN_MS;
    this.#pending.delete(nodeId);
    this.#pending.set(nodeId, { application, replyTo, announcedAt: isDue ? now : known.announcedAt });
    const oldest = this.#pending.keys().next().value;
    if (this.#pending.size > MAX_PENDING && oldest) this.#pending.delete(oldest);
    if (isDue) {
      this.#context.emit({
        kind: "application",
        applicant: { nodeId, wireguardKey, sealingKey, hasJoinKey },
      });
    }
  }

  #relay(application: OpenApplication, address: Address): void {
    const { peers, rng, emit } = this.#context;
    const servers = peers().filter(({ isAlive, isServer }) => isAlive && isServer);
    const server = servers[randomInteger(rng, servers.length)];
    if (!server) return;
    const body = encodeCbor({ applicant: application.bytes, address });
    emit({ kind: "tell", to: server.nodeId, topic: "formation/application", body });
  }

  #answer(application: OpenApplication, { address, via }: ReplyTo): void {
    const { store, emit, identity, rng, joinKeys } = this.#context;
    const admission = this.#ledger.roster.admissionOf(application.nodeId);
    const content = {
      nonce: application.nonce,
      genesis: this.#ledger.genesis.bytes,
      ...(admission && { admission }),
      ringKeys: store.state.ringKeys,
      ringRecords: store.state.ringRecords,
      revocations: store.state.revocations,
    };
    const joinKey = application.joinKey ?? joinKeys.newest;
    const answer = sealAnswer(content, application, { identity, rng, joinKey });
    if (via === undefined) emit({ kind: "send", to: address, bytes: frame(answer) });
    else emit({ kind: "tell", to: via, topic: "formation/answer", body: encodeCbor({ answer, address }) });
  }
}
