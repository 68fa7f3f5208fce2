import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { delay } from "@cluster-os/std/drivers";
import { NO_USAGE, addUsage, parseUsage, type Usage } from "../daemons.ts";
import { addressOf, type Contender, type Seat, type Told } from "./contender.ts";

export interface GroupOptions {
  readonly contender: Contender;
  readonly size: number;
  readonly seed: number;
  readonly root: string;
}

/** What all members of a group use together between two moments, and at the second. */
export interface Rest {
  readonly seconds: number;
  readonly before: Usage;
  readonly after: Usage;
  /** Sent over the cables, in bytes. */
  readonly sent: number;
}

interface Member extends Told {
  readonly process: ChildProcess;
  /** Whom it holds alive, itself left out. */
  readonly alive: Set<number>;
}

const GIVE_UP_MS = 180_000;

/** The namespace of a member, and its cable's outer end. */
export function namespaceOf(number: number): string {
  return `m${number}`;
}

/** So many members of one kind, each in its namespace, that know nobody at first. Dispose of it to end them. */
export class Group implements AsyncDisposable {
  readonly #contender: Contender;
  readonly #members: Member[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(contender: Contender) {
    this.#contender = contender;
  }

  static async start({ contender, size, seed, root }: GroupOptions): Promise<Group> {
    const group = new Group(contender);
    // What cannot be started whole is ended whole.
    await using parts = new AsyncDisposableStack();
    parts.use(group);
    let ready = 0;
    for (let number = 1; number <= size; number += 1) {
      const folder = join(root, `${contender.name}-${seed}-m${number}`);
      await mkdir(folder, { recursive: true });
      await group.#add({ number, address: addressOf(number), folder, seed, size }, () => (ready += 1));
    }
    await group.#until("every member's start", () => ready === size);
    parts.move();
    return group;
  }

  /** Lets all join the first. From the word to join until every member holds every other alive, in milliseconds. */
  async join(): Promise<number> {
    const startedAt = performance.now();
    await this.#contender.join(this.#members.slice(1), this.#members[0]?.seat.address ?? "");
    const whole = this.#members.length - 1;
    await this.#until("all to agree", () => this.#members.every(({ alive }) => alive.size === whole));
    return performance.now() - startedAt;
  }

  /** Kills one (SIGKILL). From there until no other holds it alive, in milliseconds. */
  async kill(number: number): Promise<number> {
    const killedAt = performance.now();
    this.#find(number).process.kill("SIGKILL");
    const others = this.#members.filter(({ seat }) => seat.number !== number);
    await this.#until("its death to be known", () => others.every(({ alive }) => !alive.has(number)));
    return performance.now() - killedAt;
  }

  /** Looks at what they use while nothing happens. */
  async rest(seconds: number): Promise<Rest> {
    const [before, sentBefore] = [await this.#usage(), await this.#sent()];
    await delay(seconds * 1_000);
    return { seconds, before, after: await this.#usage(), sent: (await this.#sent()) - sentBefore };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#members
      .map(({ process }) => process)
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(
      running.map(async (process) => {
        const ended = once(process, "exit");
        process.kill("SIGKILL");
        await ended;
      }),
    );
  }

  async #add(seat: Seat, onReady: () => void): Promise<void> {
    const command = await this.#contender.command(seat);
    // No shell and no `ip` stays between: the process is the member, and its usage the member's.
    const child = spawn("ip", ["netns", "exec", namespaceOf(seat.number), ...command], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const alive = new Set<number>();
    this.#members.push({ seat, process: child, alive, tell: (line) => child.stdin.write(`${line}\n`) });
    createInterface(child.stdout).on("line", (line) => {
      if (this.#contender.isReady(line)) onReady();
      const sighting = this.#contender.read(line);
      if (sighting && sighting.subject !== seat.number) {
        if (sighting.isAlive) alive.add(sighting.subject);
        else alive.delete(sighting.subject);
      }
      for (const look of this.#waiting) look();
    });
  }

  /** At the very line that makes it so. */
  async #until(what: string, isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (isSo()) resolve();
    };
    const giveUp = (): void => reject(new Error(`${this.#contender.name}: waited in vain for ${what}`));
    const timer = setTimeout(giveUp, GIVE_UP_MS);
    this.#waiting.add(look);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }

  #find(number: number): Member {
    const member = this.#members.find(({ seat }) => seat.number === number);
    if (!member) throw new RangeError(`there is no member ${number}`);
    return member;
  }

  async #usage(): Promise<Usage> {
    const all = await Promise.all(
      this.#members.map(async ({ process: { pid } }) => {
        const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8");
        return parseUsage(await read("smaps_rollup"), await read("stat"));
      }),
    );
    return all.reduce(addUsage, NO_USAGE);
  }

  /** The bridge's end of a cable receives what the member sends (proc_pid_net_dev(5)). */
  async #sent(): Promise<number> {
    // Not from /sys, which shows the network that it was mounted in.
    const lines = (await readFile("/proc/self/net/dev", "utf8")).split("\n");
    const received = new Map(
      lines.map((line) => {
        const [name = "", bytes] = line.trim().split(/[:\s]+/);
        return [name, Number(bytes)] as const;
      }),
    );
    return this.#members.reduce((sum, { seat }) => sum + (received.get(namespaceOf(seat.number)) ?? NaN), 0);
  }
}
