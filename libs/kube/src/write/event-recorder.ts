import { type Clock, describeError, type Logger, type Rng, toHex } from "@cluster-os/std";
import type { KubeClient } from "../client/client.ts";
import { when } from "../client/error.ts";
import type { KubeObject } from "../object.ts";
import { RESOURCES } from "../resource.ts";
import { microTime } from "../well-known.ts";
import { EventBook, type EventWrite, type Occurrence } from "./event-book.ts";

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** "cluster-os.dev/clusternode-operator". */
  readonly controller: string;
  /** Which of its processes: the pod's or the node's name. */
  readonly instance: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** More than this wait to be written only when the API is away, and then the newest matter least. */
const BACKLOG = 1000;

/** Tells people what was done, as Kubernetes events. Never waits and never fails: an event that cannot be written is logged. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #book = new EventBook();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  record(object: KubeObject, what: Omit<Occurrence, "regarding">): void {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace, uid } = metadata;
    const optional = { ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) };
    const occurrence = { ...what, regarding: { apiVersion, kind, name, ...optional } };
    const { clock, rng, logger } = this.#options;
    // Not in the book either: what was never written cannot be repeated.
    if (this.#waiting >= BACKLOG) return logger.debug("event dropped", { name, ...what });
    const newName = (): string => `${name.slice(0, 230)}.${toHex(rng.bytes(8))}`;
    const write = this.#book.record(occurrence, clock.now(), newName);
    if (write.kind === "drop") return logger.debug("event dropped", { name, ...what });
    const at = microTime(clock.wallTime());
    this.#waiting += 1;
    this.#last = this.#last
      .then(() => this.#write(occurrence, write, at))
      .catch((error: unknown) => logger.warn("event not written", { ...what, error: describeError(error) }))
      .finally(() => void (this.#waiting -= 1));
  }

  /** Resolves when everything recorded so far is written, or is not going to be. */
  flush(): Promise<void> {
    return this.#last;
  }

  async #write(
    occurrence: Occurrence,
    write: Exclude<EventWrite, { kind: "drop" }>,
    at: string,
  ): Promise<void> {
    const { client, controller, instance } = this.#options;
    // Events of objects that have no namespace are kept in this one.
    const namespace = occurrence.regarding.namespace ?? "default";
    const { name } = write;
    const series = write.kind === "repeat" ? { count: write.count, lastObservedTime: at } : undefined;
    if (series !== undefined) {
      // The API forgets events after an hour, and its first write may have failed: then it is made now.
      const isThere = await client
        .patch(RESOURCES.event, { name, namespace }, { series }, { timeoutMs: 5000 })
        .then(() => true)
        .catch(when<boolean>((error) => error.isNotFound, false));
      if (isThere) return;
    }
    const event = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name, namespace },
      eventTime: at,
      reportingController: controller,
      reportingInstance: instance,
      ...occurrence,
      note: occurrence.note.slice(0, 1024),
      ...(series !== undefined && { series }),
    };
    await client.create(RESOURCES.event, event, { timeoutMs: 5000 });
  }
}
