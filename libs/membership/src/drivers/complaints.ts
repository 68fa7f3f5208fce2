import { describeError, type Logger } from "@cluster-os/std";

/**
 * Errors of the network are weather: a cable is out, an address is not usable yet, a machine is gone. Each kind is logged
 * once, so that an hour of it is one line.
 */
export class Complaints {
  readonly #logger: Logger;
  readonly #known = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  hear(doing: string, error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    const kind = `${doing} ${code}`;
    if (this.#known.has(kind)) return;
    this.#known.add(kind);
    this.#logger.warn("network error; further ones of its kind are not logged", {
      doing,
      code,
      error: describeError(error),
    });
  }
}
