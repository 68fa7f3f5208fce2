import type { Lab } from "@cluster-os/lab";
import { delay } from "@cluster-os/std/drivers";

export const NAMESPACE = "chaos";
const EVERY_MS = 1_000;
const KUBECTL = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=4s"];

/** What became of the writes since the last time it was asked. */
export interface Writes {
  readonly acknowledged: number;
  readonly refused: number;
  /** Longest time between two acknowledged writes, in milliseconds. */
  readonly longestGapMs: number;
}

/** Creates an object a second on whichever server takes it, and remembers those that were acknowledged: they must never be gone. */
export class Writer {
  readonly #lab: Lab;
  readonly acknowledged = new Set<string>();
  #count = 0;
  #writes: Writes = { acknowledged: 0, refused: 0, longestGapMs: 0 };
  #lastAt = performance.now();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const begun = performance.now();
      await this.#write();
      await delay(Math.max(0, begun + EVERY_MS - performance.now()));
    }
  }

  take(): Writes {
    const gap = performance.now() - this.#lastAt;
    const { longestGapMs, ...counts } = this.#writes;
    this.#writes = { acknowledged: 0, refused: 0, longestGapMs: 0 };
    return { ...counts, longestGapMs: Math.max(longestGapMs, gap) };
  }

  async #write(): Promise<void> {
    this.#count += 1;
    const machines = await this.#lab.machines().catch(() => []);
    for (const machine of machines) {
      // A name of its own: what one server did not answer for may be there all the same.
      const name = `write-${this.#count}-${machine.name}`;
      // Workers have no such file, and machines without power answer nothing.
      const command = [...KUBECTL, "create", "configmap", name, `--namespace=${NAMESPACE}`];
      const ended = await machine.exec(command).catch(() => undefined);
      if (ended?.exitCode !== 0) continue;
      const now = performance.now();
      const longestGapMs = Math.max(this.#writes.longestGapMs, now - this.#lastAt);
      this.#lastAt = now;
      this.acknowledged.add(name);
      this.#writes = { ...this.#writes, acknowledged: this.#writes.acknowledged + 1, longestGapMs };
      return;
    }
    this.#writes = { ...this.#writes, refused: this.#writes.refused + 1 };
  }
}
