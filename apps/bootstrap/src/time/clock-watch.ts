import type { NodeId } from "@cluster-os/identity";
import type { Instant } from "@cluster-os/std";
import { agreement } from "@cluster-os/time";

/** A living server other than this machine. */
export interface OtherServer {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly meshAddress: string;
}

export interface ClockWatchOptions {
  readonly servers: () => readonly OtherServer[];
  /** How far this clock is ahead of that machine's, in milliseconds. Throws if it does not answer. */
  readonly ask: (server: OtherServer, signal: AbortSignal) => Promise<number>;
  readonly now: () => Instant;
}

/** How far this clock was ahead of another machine's, when that was last asked. */
export interface ClockOffset {
  readonly name: string;
  readonly offsetMs: number;
}

/** Soon asked again; half of it is how wrong an offset may be. */
const ASK_TIMEOUT_MS = 1_200;
/** Servers that are said to be alive and do not answer are waited for this long, before they are left out. */
const PATIENCE_MS = 15_000;

/**
 * How far this machine's clock is from the servers'. Certificates are made only between machines whose clocks agree: one
 * that is made an hour in the future is valid nowhere else.
 */
export class ClockWatch {
  readonly #options: ClockWatchOptions;
  #offsets: readonly ClockOffset[] = [];
  #waitingSince: Instant | undefined;
  #isAwaited = false;
  #isIncomplete = false;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  get offsets(): readonly ClockOffset[] {
    return this.#offsets;
  }

  /** Whether something is put off until the clocks agree. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** Whether an answer is still waited for: to be asked again soon, for a machine's mesh comes up at any moment. */
  get isIncomplete(): boolean {
    return this.#isIncomplete;
  }

  /** Asks all living servers; says how many of them did not answer. */
  async look(signal: AbortSignal): Promise<number> {
    const servers = this.#options.servers();
    const asked = await Promise.all(
      servers.map(async (server) => {
        try {
          const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
          return [{ name: server.name, offsetMs: await this.#options.ask(server, limit) }];
        } catch {
          signal.throwIfAborted();
          return [];
        }
      }),
    );
    this.#offsets = asked.flat();
    return servers.length - this.#offsets.length;
  }

  /** Whether the servers that answer have the same time. Nothing is put off by asking. */
  async agrees(signal: AbortSignal): Promise<boolean> {
    await this.look(signal);
    return this.#isClose;
  }

  /** Whether this machine may begin what makes certificates. While it says no, chrony is at work. */
  async mayBegin(signal: AbortSignal): Promise<boolean> {
    const silent = await this.look(signal);
    const now = this.#options.now();
    this.#waitingSince ??= now;
    this.#isIncomplete = silent > 0 && now - this.#waitingSince <= PATIENCE_MS;
    this.#isAwaited = !this.#isClose;
    return !this.#isIncomplete && !this.#isAwaited;
  }

  get #isClose(): boolean {
    return agreement(this.#offsets.map(({ offsetMs }) => offsetMs)).isClose;
  }
}
