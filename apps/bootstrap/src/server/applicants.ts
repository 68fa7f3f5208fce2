import {
  APPLIED_AT_ANNOTATION,
  NODE_ID_ANNOTATION,
  PENDING_LABEL,
  pendingNodeObject,
  type ClusterNodeObject,
} from "@cluster-os/api";
import { NodeId, nodeName } from "@cluster-os/identity";
import { MAX_INDEX } from "@cluster-os/mesh";
import { when, type KubeClient } from "@cluster-os/kube";
import type { Logger } from "@cluster-os/std";
import { PeerApiError } from "../peer-api/protocol.ts";
import type { RosterEntry } from "../view.ts";
import { takeIndex } from "./admissions.ts";
import { CLUSTER_NODES, createOnce } from "./kube.ts";

export interface ApplicantsOptions {
  readonly kube: KubeClient;
  readonly isMember: (nodeId: NodeId) => boolean;
  /** Every admitted node. */
  readonly roster: () => readonly RosterEntry[];
  readonly isRevoked: (nodeId: NodeId) => boolean;
  readonly admit: (nodeId: NodeId, index: number) => Promise<void>;
  readonly logger: Logger;
}

/** A machine that waits for a person. */
export interface PendingNode {
  readonly name: string;
  readonly nodeId: NodeId;
  /** When it last applied, in RFC 3339. */
  readonly appliedAt: string;
  readonly isApproved: boolean;
}

/** Keys are free, so whoever is on the LAN could ask under any number of them. */
export const MAX_PENDING = 64;
/** An applicant asks several times a minute; its object says so now and then, and goes when it asks no more. */
const REFRESH_MS = 600_000;
const FORGET_MS = 3_600_000;

/**
 * Machines that wait for a person: those without a join key that counts, and all where the given file says `admission:
 * approve`. Each has a ClusterNode, which is the question; the answer is `spec.admission: Approved` in it.
 */
export class Applicants {
  readonly #options: ApplicantsOptions;
  readonly #waiting = new Set<NodeId>();

  constructor(options: ApplicantsOptions) {
    this.#options = options;
  }

  /** An application came that needs a person. */
  wait(nodeId: NodeId): void {
    if (this.#waiting.size < MAX_PENDING) this.#waiting.add(nodeId);
  }

  /** On every server: makes the questions known. */
  async ask(wallTime: number): Promise<void> {
    if (this.#waiting.size === 0) return;
    const known = new Map((await this.list()).map((pending) => [pending.nodeId, pending]));
    let count = known.size;
    for (const nodeId of this.#waiting) {
      this.#waiting.delete(nodeId);
      const pending = known.get(nodeId);
      if (pending) await this.#refresh(pending, wallTime);
      else if ((count += 1) <= MAX_PENDING) await this.#create(nodeId, wallTime);
    }
  }

  /** On the server that leads: acts on the answers, and forgets who asks no more. */
  async answer(wallTime: number): Promise<void> {
    const { kube, isMember, isRevoked, roster, admit, logger } = this.#options;
    for (const { name, nodeId, appliedAt, isApproved } of await this.list()) {
      if (isMember(nodeId) || isRevoked(nodeId))
        await this.#patch(name, { labels: { [PENDING_LABEL]: null } });
      else if (isApproved) {
        logger.info("node is approved", { node: name });
        await admit(nodeId, await takeIndex(kube, nodeId, MAX_INDEX, roster()));
      } else if (wallTime - Date.parse(appliedAt) > FORGET_MS) {
        await kube
          .delete(CLUSTER_NODES, { name })
          .catch(when<unknown>((error) => error.isNotFound, undefined));
      }
    }
  }

  /** At a person's request, by name, or by public key before it ever asked. Throws a PeerApiError that says why not. */
  async approve(node: string, wallTime: number): Promise<PendingNode> {
    const pending = (await this.list()).find(({ name, nodeId }) => name === node || nodeId === node);
    const nodeId = pending?.nodeId ?? NodeId.safeParse(node).data;
    if (!nodeId) {
      throw new PeerApiError(
        409,
        `nobody called ${node} waits; see \`cluster-os pending\`, or name the public key of a machine that is yet to come`,
      );
    }
    const { kube, isMember, isRevoked } = this.#options;
    if (isMember(nodeId)) throw new PeerApiError(409, `${node} is a member already`);
    if (isRevoked(nodeId))
      throw new PeerApiError(409, `${node} is revoked, and for ever: the machine needs a new identity`);
    const name = nodeName(nodeId);
    if (!pending) await this.#create(nodeId, wallTime);
    await kube.patch(CLUSTER_NODES, { name }, { spec: { admission: "Approved" } });
    const appliedAt = pending?.appliedAt ?? new Date(wallTime).toISOString();
    return { name, nodeId, appliedAt, isApproved: true };
  }

  /** Everybody who waits. */
  async list(): Promise<readonly PendingNode[]> {
    const { items } = await this.#options.kube.list(CLUSTER_NODES, { labelSelector: PENDING_LABEL });
    return items.flatMap((node) => readPending(node) ?? []);
  }

  async #create(nodeId: NodeId, wallTime: number): Promise<void> {
    const name = nodeName(nodeId);
    const object = pendingNodeObject(name, nodeId, new Date(wallTime).toISOString());
    if (await createOnce(this.#options.kube, object))
      this.#options.logger.info("node waits for approval", { node: name });
  }

  async #refresh({ name, appliedAt }: PendingNode, wallTime: number): Promise<void> {
    if (wallTime - Date.parse(appliedAt) < REFRESH_MS) return;
    await this.#patch(name, { annotations: { [APPLIED_AT_ANNOTATION]: new Date(wallTime).toISOString() } });
  }

  async #patch(name: string, metadata: object): Promise<void> {
    await this.#options.kube.patch(CLUSTER_NODES, { name }, { metadata });
  }
}

/** Undefined for an object whose name does not follow from the key it gives: somebody changed it. */
export function readPending({ metadata, spec }: ClusterNodeObject): PendingNode | undefined {
  const nodeId = NodeId.safeParse(metadata.annotations?.[NODE_ID_ANNOTATION]).data;
  if (metadata.labels?.[PENDING_LABEL] === undefined || !nodeId || nodeName(nodeId) !== metadata.name)
    return undefined;
  const appliedAt = metadata.annotations?.[APPLIED_AT_ANNOTATION] ?? new Date(0).toISOString();
  return { name: metadata.name, nodeId, appliedAt, isApproved: spec?.admission === "Approved" };
}
