import { generateIdentity, type Identity, type NodeId } from "@cluster-os/identity";
import {
  Membership,
  type Member,
  type MembershipConfig,
  type MembershipEffect,
  type MembershipInput,
} from "@cluster-os/membership";
import { seededRng, type Instant } from "@cluster-os/std";
import type { Runnable } from "./runner.ts";

export interface MemberOptions {
  readonly number: number;
  readonly seed: number;
  readonly config: Partial<MembershipConfig>;
}

const CLUSTER_ID = "0123456789abcdef0123456789abcdef";
const RING_KEY = { id: 1, key: new Uint8Array(32).fill(7) };

/** One machine with nothing but membership in it, admitted from the start. */
export class SimulatedMember implements Runnable<MembershipInput, MembershipEffect> {
  readonly number: number;
  readonly address: string;
  readonly identity: Identity;
  readonly #options: MemberOptions;
  #core: Membership | undefined;
  #starts = 0;
  isLost = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.number = options.number;
    this.address = addressOf(options.number);
    this.identity = generateIdentity(seededRng(options.seed * 1_000 + options.number));
  }

  get nodeId(): NodeId {
    return this.identity.nodeId;
  }

  get isUp(): boolean {
    return this.#core !== undefined;
  }

  get wakeAt(): Instant {
    return this.#core?.wakeAt ?? Infinity;
  }

  start(now: Instant): void {
    const { seed, number, config } = this.#options;
    this.#starts += 1;
    this.#core = new Membership({
      identity: this.identity,
      rng: seededRng((seed * 1_000 + number) * 1_000 + this.#starts),
      config,
      clusterId: CLUSTER_ID,
      ringKeys: [RING_KEY],
      bootCounter: this.#starts,
      description: {
        wireguardKey: new Uint8Array(32).fill(number & 255),
        sealingKey: new Uint8Array(32).fill(number >> 8),
        ringKeyId: RING_KEY.id,
        gossipPort: 8686,
        wireguardPort: 51820,
        capabilities: { cpu: 4, memoryBytes: 8 * 2 ** 30, gpus: 0 },
        roles: [],
        kubernetes: { state: "ready", epoch: 0 },
        lifecycle: "serve",
        version: "0.1.0",
      },
      isAdmitted: () => true,
      verifyFact: () => undefined,
      now,
    });
  }

  crash(): void {
    this.#core = undefined;
  }

  step(input: MembershipInput, now: Instant): readonly MembershipEffect[] {
    return this.#core?.step(input, now) ?? [];
  }

  members(): readonly Member[] {
    return this.#core?.members() ?? [];
  }
}

export function addressOf(number: number): string {
  return `10.0.${number >> 8}.${number & 255}:8686`;
}
