import {
  NAMESPACE,
  NODE_ID_ANNOTATION,
  readRevocation,
  REVOKED_LABEL,
  revocationObject,
  type Revocation,
} from "@cluster-os/api";
import { NodeId, nodeName } from "@cluster-os/identity";
import type { EtcdMemberStatus } from "@cluster-os/kubernetes";
import { RESOURCES, type KubeClient } from "@cluster-os/kube";
import type { RevocationDecision } from "@cluster-os/formation";
import type { Logger } from "@cluster-os/std";
import { PeerApiError } from "../peer-api/protocol.ts";
import type { View } from "../view.ts";
import { CLUSTER_NODES, createOnce } from "./kube.ts";
import type { NodeEvents } from "./node-events.ts";
import { planRevocation } from "./revocation-plan.ts";
import { removeTraces } from "./traces.ts";

export interface RevocationsOptions {
  readonly kube: KubeClient;
  readonly view: Pick<View, "roster" | "isServer" | "isRevoked" | "revocations" | "joinKeyIds">;
  readonly self: NodeId;
  readonly events: Pick<NodeEvents, "tell">;
  readonly etcdMembers: () => Promise<readonly EtcdMemberStatus[]>;
  /** Signs the record and spreads it. */
  readonly revoke: (decision: RevocationDecision) => Promise<void>;
  /** Takes a machine out of etcd and Kubernetes; safe to repeat. */
  readonly removeMember: (nodeName: string) => Promise<void>;
  readonly logger: Logger;
}

/**
 * Takes nodes out for ever. What is decided is an object in the API, created once and never changed, before anybody hears
 * of it: a minority of the servers revokes nobody, and a server that dies half-way is followed by the next that leads.
 */
export class Revocations {
  readonly #options: RevocationsOptions;
  /** Nodes of which nothing is left in the API, as far as this process saw. */
  readonly #cleaned = new Set<string>();
  readonly #refused = new Map<string, string>();
  #exposedBy: readonly string[] = [];

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** Forgets what was seen: another server may have led since. */
  restart(): void {
    this.#cleaned.clear();
  }

  /** At a person's request, by name or public key. Throws a PeerApiError that says why not. */
  async revoke(node: string, decidedBy: string, wallTime: number): Promise<Revocation> {
    const nodeId = this.#find(node);
    const known = await this.#decided(nodeName(nodeId));
    const revocation = known ?? (await this.#decide(nodeId, decidedBy, wallTime));
    await this.#spread(revocation);
    return revocation;
  }

  /** Revoked servers whose keys nobody has replaced yet, as of the last round. */
  get exposedBy(): readonly string[] {
    return this.#exposedBy;
  }

  /**
   * By the server that leads: what the API says, whoever wrote it and however far it got. False when it is this server
   * itself that is revoked: then another one has to lead.
   */
  async round(wallTime: number): Promise<boolean> {
    for (const { metadata, spec } of (await this.#options.kube.list(CLUSTER_NODES)).items) {
      // Of one that waits, the name alone does not tell the key.
      const node = metadata.annotations?.[NODE_ID_ANNOTATION] ?? metadata.name;
      if (spec?.admission === "Revoked") await this.#revokeBySpec(node, wallTime);
    }
    const revocations = await this.#withKnown(await this.list());
    this.#exposedBy = revocations
      .filter(({ wasServer, keysReplacedAt }) => wasServer && keysReplacedAt === undefined)
      .map((revocation) => revocation.nodeName);
    for (const revocation of revocations) {
      await this.#spread(revocation);
      await this.#clean(revocation, new Date(wallTime).toISOString());
    }
    return !revocations.some(({ nodeId }) => nodeId === this.#options.self);
  }

  /** Every revocation that was decided. */
  async list(): Promise<readonly Revocation[]> {
    const selection = { namespace: NAMESPACE, labelSelector: REVOKED_LABEL };
    const { items } = await this.#options.kube.list(RESOURCES.configMap, selection);
    return items.flatMap((object) => readRevocation(object) ?? []);
  }

  /** What the members know and an etcd that was made anew from an older state does not: a revocation is never lost. */
  async #withKnown(listed: readonly Revocation[]): Promise<readonly Revocation[]> {
    const { view, kube, logger } = this.#options;
    const missing = view
      .revocations()
      .filter(({ nodeId }) => !listed.some((revocation) => revocation.nodeId === nodeId));
    if (missing.length === 0) return listed;
    for (const { nodeId, revokedAt, retiredJoinKeys } of missing) {
      const name = nodeName(nodeId);
      logger.warn("a revocation is entered anew", { node: name });
      // Whether it was a server is known no more: then its keys count as exposed.
      const known = { nodeName: name, nodeId, revokedAt, retiredJoinKeys: [...retiredJoinKeys] };
      await createOnce(
        kube,
        revocationObject({ ...known, wasServer: true, decidedBy: "the members' records" }),
      );
    }
    return this.list();
  }

  #find(node: string): NodeId {
    const { view } = this.#options;
    const given = NodeId.safeParse(node).data;
    const found = given ?? view.roster().find(({ nodeId }) => nodeName(nodeId) === node)?.nodeId;
    if (found) return found;
    throw new PeerApiError(
      409,
      `no member is called ${node}; see \`cluster-os members\`, or name the public key of one that never was a member`,
    );
  }

  async #decide(nodeId: NodeId, decidedBy: string, wallTime: number): Promise<Revocation> {
    const { kube, view, logger } = this.#options;
    const name = nodeName(nodeId);
    const isServer = view.isServer(nodeId);
    const etcdMembers = isServer ? await this.#options.etcdMembers() : [];
    const refusal = planRevocation({ name, isServer, etcdMembers });
    if (refusal !== undefined) throw new PeerApiError(409, refusal);
    const revocation: Revocation = {
      nodeName: name,
      nodeId,
      revokedAt: Math.round(wallTime),
      retiredJoinKeys: view.joinKeyIds,
      wasServer: isServer,
      decidedBy,
    };
    if (await createOnce(kube, revocationObject(revocation))) {
      logger.warn("node is revoked", { node: name, wasServer: isServer, decidedBy });
      return revocation;
    }
    const first = await this.#decided(name);
    if (!first) throw new Error(`the revocation of ${name} in the API cannot be read`);
    return first;
  }

  async #decided(name: string): Promise<Revocation | undefined> {
    return (await this.list()).find((revocation) => revocation.nodeName === name);
  }

  async #revokeBySpec(name: string, wallTime: number): Promise<void> {
    const { events, logger } = this.#options;
    try {
      await this.revoke(name, "spec of its ClusterNode", wallTime);
    } catch (error) {
      if (!(error instanceof PeerApiError)) throw error;
      const { message } = error;
      if (this.#refused.get(name) === message) return;
      this.#refused.set(name, message);
      logger.warn("node is not revoked", { node: name, reason: message });
      await events.tell(name, { kind: "not-revoked", reason: message });
    }
  }

  /** Nothing happens where it is known already. A server leaves its own end to the others, since it ends with it. */
  async #spread({ nodeId: text, revokedAt, retiredJoinKeys }: Revocation): Promise<void> {
    const { view, self, revoke } = this.#options;
    const nodeId = NodeId.parse(text);
    if (nodeId === self || view.isRevoked(nodeId)) return;
    await revoke({ nodeId, revokedAt, retiredJoinKeys });
  }

  async #clean({ nodeName: name, nodeId }: Revocation, nowIso: string): Promise<void> {
    const { kube, self, events, removeMember, logger } = this.#options;
    if (this.#cleaned.has(name) || nodeId === self) return;
    await events.tell(name, { kind: "revoked" });
    await removeTraces({ kube, name, removeMember, nowIso });
    logger.info("revoked node has no objects any more", { node: name });
    this.#cleaned.add(name);
  }
}
