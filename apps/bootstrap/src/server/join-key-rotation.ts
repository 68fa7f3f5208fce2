import { joinKeyId } from "@cluster-os/formation";
import type { JoinKeyDecision } from "@cluster-os/admission";
import { JOIN_KEY_LABEL, joinKeyObject, NAMESPACE, readJoinKeyObject } from "@cluster-os/api";
import { RESOURCES, type KubeClient } from "@cluster-os/kube";
import type { Rng } from "@cluster-os/std";
import { createOnce } from "./kube.ts";

export interface JoinKeyRotationOptions {
  readonly kube: KubeClient;
  readonly rng: Rng;
  /** IDs of the keys that admit unattended at present. */
  readonly acceptedIds: () => readonly string[];
  /** The sequence of the key that this machine knows to be in force; 0 before the first rotation. */
  readonly sequence: () => number;
  /** Signs the record and spreads it. */
  readonly publish: (decision: JoinKeyDecision) => Promise<void>;
}

/** Gives the cluster a new join key: first as a Secret of the next number, which is created once, then as a record. */
export class JoinKeyRotation {
  readonly #options: JoinKeyRotationOptions;

  constructor(options: JoinKeyRotationOptions) {
    this.#options = options;
  }

  /** At a person's request. */
  async rotate(wallTime: number): Promise<JoinKeyDecision> {
    const { kube, rng, acceptedIds } = this.#options;
    const newest = (await this.list()).at(-1);
    const before = newest ? [...newest.retired, joinKeyId(newest.key)] : [];
    const decision: JoinKeyDecision = {
      sequence: (newest?.sequence ?? 0) + 1,
      key: rng.bytes(32),
      retired: [...new Set([...before, ...acceptedIds()])],
      createdAt: Math.round(wallTime),
    };
    // Two people who rotate at the same moment get the same key.
    const isFirst = await createOnce(kube, joinKeyObject(decision));
    const decided = isFirst ? decision : ((await this.list()).at(-1) ?? decision);
    await this.#options.publish(decided);
    return decided;
  }

  /** By the server that leads: what was decided is in force. */
  async round(): Promise<void> {
    const newest = (await this.list()).at(-1);
    if (newest && newest.sequence > this.#options.sequence()) await this.#options.publish(newest);
  }

  /** Every key there was, in their order. */
  async list(): Promise<readonly JoinKeyDecision[]> {
    const selection = { namespace: NAMESPACE, labelSelector: JOIN_KEY_LABEL };
    const { items } = await this.#options.kube.list(RESOURCES.secret, selection);
    return items
      .flatMap((object) => readJoinKeyObject(object) ?? [])
      .sort((left, right) => left.sequence - right.sequence);
  }
}
