import {
  generateAgreementKey,
  generateIdentity,
  type AgreementKey,
  type Identity,
  type NodeId,
} from "@cluster-os/identity";
import {
  NodeProtocol,
  type NodeProtocolEffect,
  type NodeProtocolInput,
  type OwnDescription,
} from "@cluster-os/formation";
import { seededRng, type Instant } from "@cluster-os/std";
import type { Variation } from "./options.ts";
import type { Runnable, Runner } from "./runner.ts";
import { addressOf } from "./simulated-member.ts";

export interface MachineOptions extends Variation {
  readonly number: number;
  readonly seed: number;
  readonly expect: number | undefined;
}

const JOIN_KEY = new Uint8Array(32).fill(1);
const EPOCH_MS = 1_700_000_000_000;

export type MachineRunner = Runner<SimulatedMachine, NodeProtocolInput, NodeProtocolEffect>;

/** One machine: keys and a disk that survive a crash, and a protocol that does not. */
export class SimulatedMachine implements Runnable<NodeProtocolInput, NodeProtocolEffect> {
  readonly number: number;
  readonly address: string;
  readonly identity: Identity;
  readonly sealing: AgreementKey;
  readonly #options: MachineOptions;
  /** Undefined while the machine is down. */
  protocol: NodeProtocol | undefined;
  /** Counts starts, so that what belonged to an earlier one is dropped. */
  starts = 0;
  /** Never to start again. */
  isLost = false;
  /** How far its wall clock is off, in milliseconds. */
  clockOffsetMs = 0;
  /** What this life of the machine said it is a member of. */
  clusterId: string | undefined;
  /** The same of any life. */
  homeId: string | undefined;
  /** Whether this life of the machine said that an epoch is established. */
  isEstablished = false;
  disk: Uint8Array | undefined;

  constructor(options: MachineOptions) {
    const rng = seededRng(options.seed * 1_000 + options.number);
    this.#options = options;
    this.number = options.number;
    this.address = addressOf(options.number);
    this.identity = generateIdentity(rng);
    this.sealing = generateAgreementKey(rng);
  }

  get nodeId(): NodeId {
    return this.identity.nodeId;
  }

  get wakeAt(): Instant {
    return this.protocol?.wakeAt ?? Infinity;
  }

  get isUp(): boolean {
    return this.protocol !== undefined;
  }

  start(now: Instant): void {
    const { seed, number, expect, rules, readDisk, membershipRules, membershipConfig, formationConfig } =
      this.#options;
    this.starts += 1;
    const state = readDisk ? readDisk(this.disk) : this.disk;
    this.protocol = new NodeProtocol({
      identity: this.identity,
      wireguardKey: this.sealing.publicKey,
      sealing: this.sealing,
      joinKey: JOIN_KEY,
      ...(expect !== undefined && { expect }),
      description: descriptionOf("none", 0),
      lanSubnets: ["10.0.0.0/16"],
      ...(state && { state }),
      rng: seededRng((seed * 1_000 + number) * 1_000 + this.starts),
      wallTime: () => EPOCH_MS + this.clockOffsetMs + now,
      ...(rules && { rules }),
      ...(membershipRules && { membershipRules }),
      ...(membershipConfig && { membershipConfig }),
      ...(formationConfig && { config: formationConfig }),
      now,
    });
  }

  crash(): void {
    this.protocol = undefined;
    this.clusterId = undefined;
    this.isEstablished = false;
  }

  step(input: NodeProtocolInput, now: Instant): readonly NodeProtocolEffect[] {
    return this.protocol?.step(input, now) ?? [];
  }
}

export function descriptionOf(state: string, epoch: number): OwnDescription {
  return {
    gossipPort: 8686,
    wireguardPort: 51820,
    capabilities: { cpu: 4, memoryBytes: 8 * 2 ** 30, gpus: 0 },
    roles: [],
    kubernetes: { state, epoch },
    version: "0.1.0",
  };
}
