import { decodeNodeState, type NodeProtocolEffect, type NodeProtocolInput } from "@cluster-os/formation";
import type { NodeId } from "@cluster-os/identity";
import { describeError, randomInteger, seededRng, type Instant, type Rng } from "@cluster-os/std";
import { Eavesdropper } from "./eavesdropper.ts";
import { EventQueue } from "./event-queue.ts";
import { SimulationError } from "./options.ts";
import { SimulatedNetwork, type Conditions } from "./network.ts";
import { quickenCrypto } from "./quick-crypto.ts";
import { SimulatedMachine } from "./simulated-machine.ts";

export interface RotationOptions {
  readonly seed: number;
  /** At least 4: three serve, and one may be away or be revoked. */
  readonly machines: number;
  /** Share of datagrams that are lost, from the first rotation on. Default 0. */
  readonly loss?: number;
  /** False runs the same history without a rotation, to compare with. */
  readonly rotates?: boolean;
}

export interface RotationOutcome {
  readonly rotations: number;
  /** From asking for a rotation to all who were there sealing with the new key: the longest, in virtual milliseconds. */
  readonly longestMs: Instant;
  /** Of members that were there: how often one was suspected, and held failed. */
  readonly suspicions: number;
  readonly falseDeaths: number;
  /** Messages that the revoked node overheard after the rotation that shut it out. */
  readonly overheard: number;
}

const ROUND_LIMIT_MS = 90_000;
const QUIET_MS = 6_000;

/**
 * A cluster whose ring key is rotated: by one server or by several at once, while a member is away and comes back, and after
 * one was revoked that goes on with all it has. Throws a SimulationError where a member is left behind or a revoked one is not.
 */
export function simulateRotation(options: RotationOptions): RotationOutcome {
  quickenCrypto();
  try {
    return new RotationHistory(options).run();
  } catch (cause) {
    throw new SimulationError(`seed ${options.seed}: ${describeError(cause)}`, { cause });
  }
}

class RotationHistory {
  readonly #options: RotationOptions;
  readonly #rng: Rng;
  readonly #queue = new EventQueue();
  readonly #network: SimulatedNetwork;
  readonly #machines: readonly SimulatedMachine[];
  readonly #wakes = new Map<number, Instant>();
  /** Who is away or revoked: what it holds of others, or others of it, is not counted. */
  readonly #excused = new Set<NodeId>();
  #eavesdropper: Eavesdropper | undefined;
  #now: Instant = 0;
  #rotations = 0;
  #longestMs = 0;
  #suspicions = 0;
  #falseDeaths = 0;
  #isWatched = false;

  constructor(options: RotationOptions) {
    this.#options = options;
    this.#rng = seededRng(options.seed);
    this.#network = new SimulatedNetwork(this.#rng, conditions(0));
    this.#machines = Array.from(
      { length: options.machines },
      (_, place) => new SimulatedMachine({ number: place + 1, seed: options.seed, expect: options.machines }),
    );
  }

  run(): RotationOutcome {
    for (const machine of this.#machines)
      this.#queue.put(500 * this.#rng.fraction(), () => this.#start(machine));
    this.#runUntil("all are members", () => this.#machines.every((one) => this.#seesAll(one)));
    this.#runFor(QUIET_MS);
    this.#network.conditions = conditions(this.#options.loss ?? 0);
    this.#isWatched = true;
    this.#rotateTogether();
    this.#rotateWithoutOne();
    this.#rotateAgainstOne();
    return {
      rotations: this.#rotations,
      longestMs: this.#longestMs,
      suspicions: this.#suspicions,
      falseDeaths: this.#falseDeaths,
      overheard: this.#eavesdropper?.overheard ?? 0,
    };
  }

  /** One server, or several at one time. */
  #rotateTogether(): void {
    const servers = this.#servers();
    this.#rotate(servers.slice(0, 1 + randomInteger(this.#rng, servers.length)), this.#machines);
    this.#runFor(QUIET_MS * this.#rng.fraction());
  }

  /** One machine is down meanwhile, longer than old keys last; or it only hears nobody. */
  #rotateWithoutOne(): void {
    const away = this.#anyWorker();
    const others = this.#machines.filter((machine) => machine !== away);
    const isDown = this.#rng.fraction() < 0.5;
    this.#excused.add(away.nodeId);
    if (isDown) away.crash();
    else for (const other of others) this.#cut(away, other, "cut");
    this.#runFor(1_000 + 20_000 * this.#rng.fraction());
    this.#rotate(this.#servers().slice(0, 1), others);
    this.#runFor(90_000 * this.#rng.fraction());
    // That two sides meet again has news of its own: what each held of the other.
    this.#isWatched = false;
    if (isDown) this.#start(away);
    else for (const other of others) this.#cut(away, other, "mend");
    this.#runUntil("who was away is back", () =>
      this.#machines.every((machine) => this.#hasNewest(machine) && this.#seesAll(machine)),
    );
    this.#runFor(2 * QUIET_MS);
    this.#excused.delete(away.nodeId);
    this.#isWatched = true;
  }

  /** A revoked machine goes on with what it has, and asks; everything that the others send is overheard with its keys. */
  #rotateAgainstOne(): void {
    if (this.#options.rotates === false) return;
    const revoked = this.#anyWorker();
    const others = this.#machines.filter((machine) => machine !== revoked);
    const [server] = this.#servers() as [SimulatedMachine];
    this.#excused.add(revoked.nodeId);
    this.#rotations += 1;
    const before = newestOf(server);
    const begunAt = this.#now;
    this.#step(server, { kind: "revoke", nodeId: revoked.nodeId });
    if (this.#rng.fraction() < 0.5) this.#step(server, { kind: "rotate-ring-key" });
    this.#runUntil("all but the revoked have a new key", () =>
      others.every((machine) => sealingOf(machine) > before && this.#hasNewest(machine)),
    );
    this.#longestMs = Math.max(this.#longestMs, this.#now - begunAt);
    this.#eavesdropper = new Eavesdropper(revoked, server);
    this.#runFor(10_000);
    revoked.crash();
    this.#start(revoked);
    this.#runFor(20_000);
    const held = decodeNodeState(revoked.disk).ringKeys.map(({ id }) => id);
    if (Math.max(...held) > before) throw new Error("the revoked node was handed a newer ring key");
    if (this.#eavesdropper.opened > 0) throw new Error("the revoked node opened a later message");
    const missing = others.find((one) => others.some((other) => !seesAlive(one, other)));
    if (missing) throw new Error(`${missing.number} does not see all that are left`);
  }

  #rotate(servers: readonly SimulatedMachine[], present: readonly SimulatedMachine[]): void {
    if (this.#options.rotates === false) return this.#runFor(QUIET_MS);
    this.#rotations += 1;
    const before = Math.max(...present.map(newestOf));
    const begunAt = this.#now;
    for (const server of servers) this.#step(server, { kind: "rotate-ring-key" });
    this.#runUntil("all who are there have rotated", () =>
      present.every((machine) => sealingOf(machine) > before && this.#hasNewest(machine)),
    );
    this.#longestMs = Math.max(this.#longestMs, this.#now - begunAt);
  }

  /** Seals with the newest key that any server knows. */
  #hasNewest(machine: SimulatedMachine): boolean {
    const newest = Math.max(...this.#servers().map((server) => server.protocol?.status.ringKey?.newest ?? 0));
    return sealingOf(machine) === newest;
  }

  #servers(): readonly SimulatedMachine[] {
    return this.#machines.filter(({ protocol }) => protocol?.authoritySeed !== undefined);
  }

  #anyWorker(): SimulatedMachine {
    const workers = this.#machines.filter(({ protocol }) => protocol?.authoritySeed === undefined);
    return workers[randomInteger(this.#rng, workers.length)] as SimulatedMachine;
  }

  #seesAll(machine: SimulatedMachine): boolean {
    return this.#machines.every((other) => seesAlive(machine, other));
  }

  #cut(one: SimulatedMachine, other: SimulatedMachine, how: "cut" | "mend"): void {
    this.#network[how](one.number, other.number);
    this.#network[how](other.number, one.number);
  }

  #start(machine: SimulatedMachine): void {
    machine.start(this.#now);
    this.#step(machine, { kind: "wake" });
  }

  #step(machine: SimulatedMachine, input: NodeProtocolInput): void {
    for (const effect of machine.step(input, this.#now)) this.#apply(machine, effect);
    if (!machine.protocol) return;
    const at = Math.max(this.#now, machine.protocol.wakeAt);
    const scheduled = this.#wakes.get(machine.number);
    if (scheduled !== undefined && scheduled > this.#now && scheduled <= at) return;
    this.#wakes.set(machine.number, at);
    this.#queue.put(at, () => {
      if (this.#wakes.get(machine.number) === at) this.#step(machine, { kind: "wake" });
    });
  }

  #apply(machine: SimulatedMachine, effect: NodeProtocolEffect): void {
    if (effect.kind === "persist") machine.disk = effect.state;
    else if (effect.kind === "send")
      this.#send(machine, effect.bytes, ({ address }) => address === effect.to);
    else if (effect.kind === "multicast") this.#send(machine, effect.bytes, (to) => to !== machine);
    else if (effect.kind === "member-changed" && this.#isWatched) {
      const { nodeId, status } = effect.member;
      if (this.#excused.has(nodeId) || this.#excused.has(machine.nodeId)) return;
      if (status === "suspect" && effect.previous === "alive") this.#suspicions += 1;
      if (status === "failed") this.#falseDeaths += 1;
    }
  }

  #send(from: SimulatedMachine, bytes: Uint8Array, isRecipient: (to: SimulatedMachine) => boolean): void {
    this.#eavesdropper?.overhear(from, bytes);
    for (const to of this.#machines.filter(isRecipient)) {
      this.#network.carry(from.number, to.number, bytes.length, (delayMs) =>
        this.#queue.put(this.#now + delayMs, () =>
          this.#step(to, { kind: "datagram", from: from.address, bytes }),
        ),
      );
    }
  }

  #runFor(ms: number): void {
    const end = this.#now + ms;
    while (this.#queue.nextAt <= end) this.#next();
    this.#now = end;
  }

  #runUntil(what: string, isSo: () => boolean): void {
    const end = this.#now + ROUND_LIMIT_MS;
    while (!isSo()) {
      if (this.#now > end) throw new Error(`not within ${ROUND_LIMIT_MS / 1_000} s: ${what}`);
      this.#runFor(100);
    }
  }

  #next(): void {
    const event = this.#queue.take();
    if (!event) return;
    this.#now = event.at;
    event.act();
  }
}

function conditions(loss: number): Conditions {
  return { loss, duplication: 0.02, delayMs: [0.2, 40] };
}

function seesAlive({ protocol }: SimulatedMachine, other: SimulatedMachine): boolean {
  return (
    protocol?.members().some(({ nodeId, status }) => nodeId === other.nodeId && status === "alive") ?? false
  );
}

function sealingOf({ protocol }: SimulatedMachine): number {
  return protocol?.status.ringKey?.sealing ?? 0;
}

function newestOf({ protocol }: SimulatedMachine): number {
  return protocol?.status.ringKey?.newest ?? 0;
}
