import type { KubeObject, Store } from "@cluster-os/kube";
import { waitFor } from "@cluster-os/std/drivers";

/** When each of the named objects first was as wished, in milliseconds of performance.now(). */
export class Sightings<T extends KubeObject> implements Disposable {
  readonly #at = new Map<string, number>();
  readonly #stop: () => void;

  constructor(store: Store<T>, isSo: (object: T) => boolean) {
    this.#stop = store.onChange(({ kind, object }) => {
      const { name } = object.metadata;
      if (kind !== "deleted" && !this.#at.has(name) && isSo(object)) this.#at.set(name, performance.now());
    });
  }

  /** Resolves when all of them were. */
  async ofAll(
    names: readonly string[],
    what: string,
    timeoutMs: number,
  ): Promise<ReadonlyMap<string, number>> {
    const isAll = (): boolean => names.every((name) => this.#at.has(name));
    await waitFor(isAll, { what, timeoutMs, everyMs: 20 }).catch((cause: unknown) => {
      throw new Error(`${what}: ${this.#at.size} of ${names.length}`, { cause });
    });
    return this.#at;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
