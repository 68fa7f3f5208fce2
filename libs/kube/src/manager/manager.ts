import { createServer, type Server } from "node:http";
import { describeError, type Logger } from "@cluster-os/std";
import type { KubeObject } from "../object.ts";
import type { Informer } from "../informer/informer.ts";
import type { LeaderElector } from "../leader/elector.ts";
import type { KubeMetrics } from "./metrics.ts";

/** What the manager needs of a controller; `Controller` of @cluster-os/reconcile is one. */
export interface ManagedController {
  readonly name: string;
  readonly isHealthy: boolean;
  start(): void;
  stop(graceMs: number): Promise<void>;
}

type AnyInformer = Pick<Informer<KubeObject>, "hasSynced" | "synced" | "start" | "stop"> & {
  readonly resource: { readonly plural: string };
};

export interface ManagerOptions {
  readonly logger: Logger;
  /** Left out: every process runs its controllers. */
  readonly elector?: LeaderElector;
  readonly metrics?: KubeMetrics;
  /** Where /healthz, /readyz and /metrics are served; left out: nowhere. Port 0: a free one. */
  readonly listen?: { readonly port: number; readonly host?: string };
  /** How long reconciles may take to end when the process stops, in milliseconds. Default 30 s. */
  readonly graceMs?: number;
}

/**
 * One process of controllers, from start to end: caches fill, the candidate is elected, controllers run; at the end the
 * same backwards, the lease last, so that the next leader meets nobody at work.
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #informers: AnyInformer[] = [];
  readonly #controllers: ManagedController[] = [];
  readonly #running: ManagedController[] = [];
  #server: Server | undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** The port that was listened on, once {@link run} has begun. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  addInformer(...informers: readonly AnyInformer[]): this {
    this.#informers.push(...informers);
    return this;
  }

  addController(...controllers: readonly ManagedController[]): this {
    this.#controllers.push(...controllers);
    return this;
  }

  /** Runs until `signal` is aborted, and stops gracefully then. Rejects when something could not begin. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, elector, graceMs = 30_000 } = this.#options;
    const ended = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    try {
      await this.#listen();
      for (const informer of this.#informers) informer.start();
      await Promise.race([this.#begin(signal), ended]);
      await ended;
    } finally {
      logger.info("stopping");
      await Promise.all(this.#informers.map((informer) => informer.stop()));
      await Promise.all(this.#running.map((controller) => controller.stop(graceMs)));
      await elector?.stop();
      this.#server?.close().closeAllConnections();
      logger.info("stopped");
    }
  }

  /** What is wrong, for /healthz: a restart may help. */
  sick(): readonly string[] {
    const stuck = this.#running
      .filter(({ isHealthy }) => !isHealthy)
      .map(({ name }) => `controller ${name} is stuck`);
    const { elector } = this.#options;
    return elector === undefined || elector.isHealthy
      ? stuck
      : [...stuck, "the lease was not renewed in time"];
  }

  /** What is not there yet, for /readyz. */
  missing(): readonly string[] {
    return this.#informers
      .filter(({ hasSynced }) => !hasSynced)
      .map(({ resource }) => `the cache of ${resource.plural} is not filled`);
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { logger, elector, metrics } = this.#options;
    await Promise.all(this.#informers.map((informer) => informer.synced()));
    logger.info("caches are filled", { count: this.#informers.length });
    if (elector !== undefined) {
      elector.start();
      await elector.elected();
      metrics?.leads(elector.name, true);
    }
    // Stopped in the meantime: nothing begins any more.
    if (signal.aborted) return;
    for (const controller of this.#controllers) {
      this.#running.push(controller);
      controller.start();
    }
    logger.info("controllers run", { names: this.#running.map(({ name }) => name) });
  }

  async #listen(): Promise<void> {
    const { listen, metrics, logger } = this.#options;
    if (listen === undefined) return;
    const server = createServer((request, response) => {
      const answer = (status: number, text: string, type = "text/plain; charset=utf-8"): void =>
        void response.writeHead(status, { "content-type": type }).end(text);
      const verdict = (problems: readonly string[]): void =>
        answer(problems.length === 0 ? 200 : 503, `${problems.length === 0 ? "ok" : problems.join("\n")}\n`);
      if (request.method !== "GET") return answer(405, "only GET\n");
      switch (request.url) {
        case "/healthz":
          return verdict(this.sick());
        case "/readyz":
          return verdict(this.missing());
        case "/metrics":
          if (metrics === undefined) return answer(404, "no metrics are kept\n");
          return void metrics.registry.metrics().then(
            (text) => answer(200, text, metrics.registry.contentType),
            (error: unknown) => answer(500, `${describeError(error)}\n`),
          );
        default:
          return answer(404, "only /healthz, /readyz and /metrics are here\n");
      }
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(listen.port, listen.host, resolve);
    });
    logger.info("listening", { port: this.port });
  }
}
