import type { NodeId } from "@cluster-os/identity";
import { randomInteger, utf8, type Rng } from "@cluster-os/std";
import type { Fleet } from "./fleet.ts";
import { InvariantViolation } from "./invariants.ts";
import type { IndexRequest } from "./options.ts";
import type { MachineRunner, SimulatedMachine } from "./simulated-machine.ts";
import type { Timeline } from "./timeline.ts";

export interface AppHost {
  readonly rng: Rng;
  readonly timeline: Timeline;
  readonly fleet: Fleet;
  readonly runner: MachineRunner;
  /** Whether the machine reaches the Kubernetes API as one of its servers. */
  readonly isServing: (machine: SimulatedMachine) => boolean;
  readonly takeIndex: (request: IndexRequest) => number;
}

const ANSWER_MS = [50, 1_050] as const;
const TOPIC = "simulator/word";

/** What the app of a machine does that formation and membership leave to it: takes indexes, and talks to others. */
export class SimulatedApp {
  readonly #host: AppHost;
  readonly #indexes = new Map<NodeId, number>();
  readonly #heard = new Set<string>();
  #nextIndex = 101;
  #words = 0;

  constructor(host: AppHost) {
    this.#host = host;
  }

  /** On a server: someone asks to be admitted. The API takes a while to answer. */
  admit(server: SimulatedMachine, nodeId: NodeId): void {
    const { timeline, rng, runner, isServing } = this.#host;
    if (!isServing(server)) return;
    const [shortest, longest] = ANSWER_MS;
    const { starts } = server;
    const index = this.#indexes.get(nodeId) ?? this.#take(server);
    this.#indexes.set(nodeId, index);
    timeline.after(shortest + (longest - shortest) * rng.fraction(), () => {
      if (server.isUp && server.starts === starts) runner.step(server, { kind: "admit", nodeId, index });
    });
  }

  /** Some machine says a word to another, that is to arrive once at most. */
  talk(): void {
    const { rng, fleet, runner } = this.#host;
    const [from, to] = [0, 1].map(() => fleet.all[randomInteger(rng, fleet.all.length)] as SimulatedMachine);
    if (!from || !to || from === to) return;
    this.#words += 1;
    const body = utf8(String(this.#words));
    runner.step(from, { kind: "send-message", to: to.nodeId, topic: TOPIC, body });
  }

  /** A message came to a machine's app. */
  hear(machine: SimulatedMachine, topic: string, body: Uint8Array): void {
    if (topic !== TOPIC) return;
    const word = `${machine.number}.${machine.starts} ${Buffer.from(body).toString("latin1")}`;
    if (this.#heard.has(word))
      throw new InvariantViolation(`${machine.number} acts twice on one message that was sent once`);
    this.#heard.add(word);
  }

  #take(server: SimulatedMachine): number {
    const indexes = server.protocol?.roster?.entries().map(({ index }) => index) ?? [];
    const next = (): number => {
      this.#nextIndex += 1;
      return this.#nextIndex;
    };
    return this.#host.takeIndex({ next, highestKnown: Math.max(0, ...indexes) });
  }
}
