import type { Moment, RecordedChange, RecordedHistory, RecordedMachine } from "@cluster-os/simulator";
import { describeError } from "@cluster-os/std";
import { delay, waitFor } from "@cluster-os/std/drivers";
import { actsBetween, isRefused, isRunning, type Act } from "./acts.ts";
import { compareMembers, makeChange } from "./change.ts";
import { Machines } from "./machines.ts";
import type { Site } from "./site.ts";

const CALL_MS = 5_000;
const WRITE_MS = 1_000;
/** Who has no majority is asked for so long, some elections, and must not acknowledge: silence is all that it may have to say. */
const SILENCE_MS = 2_500;

export interface ReplayOptions {
  readonly history: Pick<RecordedHistory, "seed" | "moments">;
  readonly site: Site;
  readonly hyperkube: string;
  /** What the model says has to come true within so many milliseconds. */
  readonly limitMs: number;
}

export interface Replayed {
  readonly moments: number;
  readonly acknowledged: number;
  /** How often somebody without a majority was asked to write, and did not. */
  readonly refused: number;
  /** What etcd said against changes before it agreed, and to how many. */
  readonly delays: Readonly<Record<string, number>>;
}

/** Leads a real etcd through a history. Throws where it is not as the model says, with the seed and the moment. */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  await using machines = new Machines(options.site, options.hyperkube);
  return await new Replay(options, machines).run();
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #machines: Machines;
  readonly #acknowledged = new Map<string, string>();
  readonly #delays: Record<string, number> = {};
  #refused = 0;

  constructor(options: ReplayOptions, machines: Machines) {
    this.#options = options;
    this.#machines = machines;
  }

  async run(): Promise<Replayed> {
    const { moments, seed } = this.#options.history;
    for (const [at, moment] of moments.entries()) {
      try {
        const before = moments[at - 1];
        if (before) await this.#lead(before, moment);
        else await this.#begin(moment);
        await this.#compare(moment, at);
        if (at === moments.length - 1) await this.#readBack(moment);
      } catch (cause) {
        throw new Error(`seed ${seed}, moment ${at} (at ${moment.atS} s)`, { cause });
      }
    }
    const acknowledged = this.#acknowledged.size;
    return { moments: moments.length, acknowledged, refused: this.#refused, delays: this.#delays };
  }

  async #begin({ machines, members }: Moment): Promise<void> {
    for (const [at, { group }] of machines.entries()) await this.#options.site.move(at + 1, group);
    const founders = members.map(({ rank }) => rank);
    this.#machines.found(founders);
    for (const rank of founders) this.#machines.start(rank);
  }

  async #lead(before: Moment, after: Moment): Promise<void> {
    const leaving = after.changes.filter(({ kind }) => kind === "remove").map(({ rank }) => rank);
    const asked = served(before).find((rank) => !leaving.includes(rank));
    for (const change of after.changes) await this.#change(change, asked);
    for (const act of actsBetween(before, after)) await this.#act(act);
  }

  /** Asked of somebody who has a majority and stays. What etcd refuses for good is a disagreement. */
  async #change(change: RecordedChange, asked: number | undefined): Promise<void> {
    const what = `etcd's consent to ${change.kind} machine ${change.rank}`;
    if (asked === undefined) throw new Error(`${what}: there is nobody to ask`);
    const etcd = await this.#machines.client(asked).etcd();
    const reasons = new Set<string>();
    await this.#until(`${what}, asked of machine ${asked},`, async () => {
      try {
        await makeChange(change, etcd, this.#machines, AbortSignal.timeout(this.#options.limitMs));
      } catch (error) {
        reasons.add(`${change.kind}: ${reasonOf(error)}`);
        throw error;
      }
      return true;
    });
    for (const reason of reasons) this.#delays[reason] = (this.#delays[reason] ?? 0) + 1;
  }

  async #act(act: Act): Promise<void> {
    switch (act.kind) {
      case "kill":
      case "stop":
        return this.#machines.kill(act.rank);
      case "start":
        return this.#machines.start(act.rank);
      case "freeze":
        return this.#machines.freeze(act.rank);
      case "thaw":
        return this.#machines.thaw(act.rank);
      case "move":
        return this.#options.site.move(act.rank, act.group);
      default:
        return act satisfies never;
    }
  }

  /** Everybody who is up acknowledges a write or does not, as the model says, and lists the members that it says. */
  async #compare(moment: Moment, at: number): Promise<void> {
    await Promise.all(
      moment.machines.map(async (machine, index) => {
        if (machine.isServed) await this.#agrees(moment, index + 1, at);
        else if (isRefused(machine)) await this.#refuses(moment, index + 1, at);
      }),
    );
    for (const { rank } of moment.members) {
      const shouldRun = isRunning(moment.machines[rank - 1] as RecordedMachine);
      if (shouldRun && !this.#machines.isRunning(rank))
        throw new Error(`machine ${rank} is a member, and its etcd ended`);
    }
  }

  async #agrees(moment: Moment, rank: number, at: number): Promise<void> {
    const client = this.#machines.client(rank);
    const [key, value] = [`${at}/${rank}`, `moment ${at}`];
    await this.#until(`a majority for machine ${rank}`, async () => {
      await client.write(key, value, WRITE_MS);
      this.#acknowledged.set(key, value);
      return true;
    });
    const etcd = await client.etcd();
    const listed = await this.#until(`the members by machine ${rank}`, () =>
      etcd.agreedMembers(AbortSignal.timeout(CALL_MS), CALL_MS),
    );
    compareMembers(listed, moment);
  }

  /** It may say so, or say nothing, or end because it was removed. */
  async #refuses(moment: Moment, rank: number, at: number): Promise<void> {
    const client = this.#machines.client(rank);
    const isListed = moment.members.some((member) => member.rank === rank);
    const until = performance.now() + SILENCE_MS;
    while (performance.now() < until && (isListed || this.#machines.isRunning(rank))) {
      const isAcknowledged = await client.write(`${at}/${rank}`, "nobody's", WRITE_MS).then(
        () => true,
        () => false,
      );
      if (isAcknowledged) throw new Error(`machine ${rank} acknowledged a write without a majority`);
      await delay(50);
    }
    this.#refused += 1;
  }

  /** At the end: everybody who votes has all that was acknowledged. */
  async #readBack(moment: Moment): Promise<void> {
    for (const rank of served(moment)) {
      const client = this.#machines.client(rank);
      const found = await this.#until(`all data from machine ${rank}`, () => client.readAll(CALL_MS));
      const lost = [...this.#acknowledged].filter(([key, value]) => found.get(key) !== value);
      if (lost.length > 0) throw new Error(`machine ${rank} lost ${lost.map(([key]) => key).join(", ")}`);
    }
  }

  #until<T>(what: string, look: () => Promise<T>): Promise<T> {
    return waitFor(look, { what, timeoutMs: this.#options.limitMs, everyMs: 100 });
  }
}

function served({ machines }: Moment): readonly number[] {
  return machines.flatMap(({ isServed }, at) => (isServed ? [at + 1] : []));
}

/** In etcd's words, if it is its answer. */
function reasonOf(error: unknown): string {
  const text = describeError(error);
  return /"message":\s*"([^"]+)"/.exec(text)?.[1] ?? text;
}
