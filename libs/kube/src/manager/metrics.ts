import { NO_METRICS, type ReconcileMetrics } from "@cluster-os/reconcile";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RequestReport } from "../client/client.ts";
import type { InformerMetrics } from "../informer/informer.ts";

/** Something that is true now, read anew whenever somebody asks. */
export interface Observable {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  /** None while there is nothing to tell. */
  readonly read: () => readonly Sample[];
}

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * What a process of controllers counts, under the names that controller-runtime and client-go gave it, so that dashboards
 * and alerts made for those work. What they have no name for begins with `cluster_os_`. A module of its own, because the
 * library below costs ten megabytes that a mere client of the API need not pay.
 */
export class KubeMetrics {
  readonly registry = new Registry();
  readonly #reconciles = this.#counter(
    "controller_runtime_reconcile_total",
    "Reconciles by how they ended.",
    ["controller", "result"],
  );
  readonly #errors = this.#counter("controller_runtime_reconcile_errors_total", "Reconciles that failed.", [
    "controller",
  ]);
  readonly #terminal = this.#counter(
    "controller_runtime_terminal_reconcile_errors_total",
    "Reconciles that failed for good.",
    ["controller"],
  );
  readonly #reconcileTime = this.#histogram(
    "controller_runtime_reconcile_time_seconds",
    "How long reconciles took.",
    "controller",
  );
  readonly #depth = this.#gauge("workqueue_depth", "Keys that wait for a worker.", ["name"]);
  readonly #adds = this.#counter("workqueue_adds_total", "Keys that became ready.", ["name"]);
  readonly #retries = this.#counter("workqueue_retries_total", "Keys put back after a failure.", ["name"]);
  readonly #waited = this.#histogram(
    "workqueue_queue_duration_seconds",
    "How long keys waited for a worker.",
    "name",
  );
  readonly #worked = this.#histogram(
    "workqueue_work_duration_seconds",
    "How long keys were worked on.",
    "name",
  );
  readonly #requests = this.#counter("rest_client_requests_total", "Requests to the API by their answer.", [
    "code",
    "method",
    "host",
  ]);
  readonly #requestTime = this.#histogram(
    "rest_client_request_duration_seconds",
    "How long answers took.",
    "verb",
  );
  readonly #leader = this.#gauge("leader_election_master_status", "1 in the process that leads.", ["name"]);
  readonly #lists = this.#counter("cluster_os_informer_lists_total", "Complete lists taken.", ["resource"]);
  readonly #failures = this.#counter("cluster_os_informer_failures_total", "Lists and watches that failed.", [
    "resource",
    "reason",
  ]);
  readonly #missed = this.#counter(
    "cluster_os_informer_missed_events_total",
    "Events that an audit found lost.",
    ["resource"],
  );

  /** For a controller of this name. */
  ofController(controller: string): ReconcileMetrics {
    const name = controller;
    return {
      ...NO_METRICS,
      added: () => this.#adds.inc({ name }),
      retried: () => this.#retries.inc({ name }),
      depth: (count) => this.#depth.set({ name }, count),
      taken: (waitedMs) => this.#waited.observe({ name }, waitedMs / 1000),
      worked: (tookMs) => {
        this.#worked.observe({ name }, tookMs / 1000);
        this.#reconcileTime.observe({ controller }, tookMs / 1000);
      },
      result: (kind) => {
        const isTerminal = kind === "terminal-error";
        this.#reconciles.inc({ controller, result: isTerminal ? "error" : kind.replace("-", "_") });
        if (isTerminal) this.#terminal.inc({ controller });
        if (isTerminal || kind === "error") this.#errors.inc({ controller });
      },
    };
  }

  /** For a client's `onRequest`. */
  readonly onRequest = ({ method, host, status, durationMs }: RequestReport): void => {
    this.#requests.inc({ method, host, code: status === undefined ? "<error>" : String(status) });
    this.#requestTime.observe({ verb: method }, durationMs / 1000);
  };

  readonly informers: InformerMetrics = {
    listed: (resource) => this.#lists.inc({ resource }),
    failed: (resource, { reason }) => this.#failures.inc({ resource, reason }),
    missed: (resource, count) => this.#missed.inc({ resource }, count),
  };

  /** Tells of what a process sees, beside what it does. */
  show({ name, help, labelNames = [], read }: Observable): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect: () => {
        // What is not there any more is not told any more; without labels, a reset makes it zero instead.
        if (labelNames.length === 0) gauge.remove();
        else gauge.reset();
        for (const { labels = {}, value } of read()) gauge.set(labels, value);
      },
    });
  }

  leads(name: string, isLeader: boolean): void {
    this.#leader.set({ name }, isLeader ? 1 : 0);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string>(name: string, help: string, label: Label): Histogram<Label> {
    return new Histogram({ name, help, labelNames: [label], buckets: SECONDS, registers: [this.registry] });
  }
}
