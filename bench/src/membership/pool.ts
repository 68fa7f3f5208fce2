import { Worker } from "node:worker_threads";

/** Messages are short-lived: with room for many of them they are cleared away seldom. */
const ROOM = { maxYoungGenerationSizeMb: 128 };

/** Threads that take tasks in turn. */
export class Pool {
  readonly #idle: Worker[];
  readonly #workers: readonly Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  /** `program` answers each message, a task, with one. */
  constructor(program: URL, jobs: number) {
    this.#workers = Array.from({ length: jobs }, () => new Worker(program, { resourceLimits: ROOM }));
    this.#idle = [...this.#workers];
  }

  async run<Result>(task: unknown): Promise<Result> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((take) => this.#waiting.push(take)));
    try {
      return await new Promise<Result>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
        worker.postMessage(task);
      });
    } finally {
      worker.removeAllListeners("error");
      console.error(`done: ${JSON.stringify(task)}`);
      const next = this.#waiting.shift();
      if (next) next(worker);
      else this.#idle.push(worker);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
