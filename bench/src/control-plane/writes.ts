import { delay } from "@cluster-os/std/drivers";
import type { ServerApi } from "./server-api.ts";

const EVERY_MS = 250;
const OBJECT = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "bench-writes" } };
const FOLDER = "/api/v1/namespaces/default/configmaps";

/** A stream of writes from one server's machine, each begun whether the ones before were answered or not. */
export class WriteStream {
  readonly #api: ServerApi;
  readonly #acknowledgedAt: number[] = [];
  #isEnded = false;
  #running: Promise<void> | undefined;

  constructor(api: ServerApi) {
    this.#api = api;
  }

  async begin(): Promise<void> {
    // It may be there from an earlier run.
    await this.#api.create(FOLDER, OBJECT);
    if (!(await this.#write(0))) throw new Error("the API takes no write before anything is lost");
    this.#running = this.#run();
  }

  /** Longest time between two acknowledged writes since `fromMs` of performance.now(), in milliseconds. */
  async end(fromMs: number): Promise<number> {
    this.#isEnded = true;
    await this.#running;
    return longestGap(this.#acknowledgedAt, fromMs);
  }

  async #run(): Promise<void> {
    const begun: Promise<unknown>[] = [];
    for (let count = 1; !this.#isEnded; count += 1) {
      begun.push(this.#write(count));
      await delay(EVERY_MS);
    }
    await Promise.all(begun);
  }

  async #write(count: number): Promise<boolean> {
    const isAcknowledged = await this.#api.patch(`${FOLDER}/${OBJECT.metadata.name}`, {
      data: { count: String(count) },
    });
    if (isAcknowledged) this.#acknowledgedAt.push(performance.now());
    return isAcknowledged;
  }
}

/** The longest of the times between one and the next, the first counted from `from`. NaN of none. */
export function longestGap(at: readonly number[], from: number): number {
  const later = at.filter((one) => one >= from).toSorted((one, other) => one - other);
  return later.reduce(
    (longest, one, index) => Math.max(longest, one - (later[index - 1] ?? from)),
    later.length === 0 ? Number.NaN : 0,
  );
}
