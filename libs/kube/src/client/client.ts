import type { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { type AnyObject, keyOf, type KubeObject, type ObjectList, type ObjectName } from "../object.ts";
import { apiVersionOf, pathOf, type Resource } from "../resource.ts";
import type { Connection } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import { errorOfStatus, KubeError, when } from "./error.ts";
import { LineSplitter } from "./lines.ts";
import { type HttpCall, Transport } from "./transport.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take, in milliseconds. For a watch: until it is open. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
}

export interface WriteOptions extends CallOptions {
  /** "status", "approval", "scale": the part of the object that is written. */
  readonly subresource?: string;
}

export interface ApplyOptions extends WriteOptions {
  /** In whose name the fields are owned. */
  readonly fieldManager: string;
  /** Take fields over from other managers. Without it such a field is a conflict. */
  readonly force?: boolean;
}

export interface PatchOptions extends WriteOptions {
  /** RFC 7386 (default) or RFC 6902. */
  readonly type?: "merge" | "json";
  readonly fieldManager?: string;
}

export interface Selection {
  /** Left out: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions extends Selection, CallOptions {
  /** Most items of one answer; the rest comes with `continue`. */
  readonly limit?: number;
  readonly continue?: string | undefined;
  /** "0": what the API server has cached. Left out: the newest state. */
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
}

export interface WatchOptions extends Selection, CallOptions {
  /** Events after this one. Left out: all there is, as ADDED, and what comes. */
  readonly resourceVersion?: string;
  /** After how long the server ends the watch, in seconds. */
  readonly timeoutSeconds?: number;
  readonly allowWatchBookmarks?: boolean;
  /**
   * A watch on which nothing at all arrives for so long, in milliseconds, counts as dead. Default 90 s: the server sends
   * a bookmark about every minute, and opening a watch anew for nothing costs little.
   */
  readonly inactivityMs?: number;
}

export interface DeleteOptions extends CallOptions {
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
  /** Only the object with these is deleted; another one under its name is a conflict. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface Bookmark {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly object: Bookmark };

export interface RequestReport {
  readonly method: string;
  readonly host: string;
  /** Undefined when no answer came. */
  readonly status: number | undefined;
  readonly durationMs: number;
}

export interface KubeClientOptions {
  /** How long one call may take, in milliseconds. Default 30 s. */
  readonly timeoutMs?: number;
  readonly userAgent?: string;
  /** Called after each request, for metrics. */
  readonly onRequest?: (report: RequestReport) => void;
}

/**
 * The Kubernetes API in its verbs. Objects go through as plain JSON, so nothing of them is lost that is not known here.
 * Every failure is a {@link KubeError}, but the caller's own abort, which throws the signal's reason.
 */
export class KubeClient implements Disposable {
  readonly #transport: Transport;
  readonly #options: KubeClientOptions;
  readonly #host: string;

  constructor(connection: Connection, options: KubeClientOptions = {}) {
    this.#transport = new Transport(connection, options.userAgent ?? "cluster-os");
    this.#options = options;
    this.#host = new URL(connection.server).host;
  }

  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectName, options?: CallOptions): Promise<T> {
    return this.request(`get ${resource.kind} ${keyOf(ref)}`, at("GET", pathOf(resource, ref)), options);
  }

  /** Like {@link get}, but undefined when there is no such object. */
  find<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectName,
    options?: CallOptions,
  ): Promise<T | undefined> {
    return this.get(resource, ref, options).catch(
      when<T | undefined>((error) => error.isNotFound, undefined),
    );
  }

  /** One page; all there is unless `limit` says otherwise. */
  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, signal: _signal, timeoutMs: _timeoutMs, ...query } = options;
    const call = { ...at("GET", pathOf(resource, { namespace })), query };
    const list = await this.request<ObjectList<T>>(`list ${resource.plural}`, call, options);
    // The items of the API's own lists do not say what they are.
    const header = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    return { ...list, items: (list.items ?? []).map((item) => ({ ...header, ...item })) };
  }

  /** Reason "AlreadyExists" when one of that name is there already; of several callers one creates. */
  create<T extends KubeObject>(resource: Resource<T>, object: NoInfer<T>, options?: CallOptions): Promise<T> {
    const { name, namespace } = object.metadata;
    const call = { ...at("POST", pathOf(resource, { namespace })), body: object };
    return this.request(`create ${resource.kind} ${keyOf({ name, namespace })}`, call, options);
  }

  /** Writes the whole object at the resourceVersion that is in it; a conflict when somebody was faster. */
  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: NoInfer<T>,
    options?: WriteOptions,
  ): Promise<T> {
    const call = {
      ...at("PUT", pathOf(resource, object.metadata, options?.subresource)),
      body: object,
    };
    return this.request(`replace ${what(resource, object.metadata, options)}`, call, options);
  }

  /** Server-side apply: the fields in `object` become so, and the manager's; what it no longer has goes away. */
  apply<T extends KubeObject>(resource: Resource<T>, object: NoInfer<T>, options: ApplyOptions): Promise<T> {
    const { fieldManager, force, subresource } = options;
    const call = {
      ...at("PATCH", pathOf(resource, object.metadata, subresource)),
      query: { fieldManager, force },
      contentType: "application/apply-patch+yaml",
      body: object,
    };
    return this.request(`apply ${what(resource, object.metadata, options)}`, call, options);
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectName,
    patch: object,
    options: PatchOptions = {},
  ): Promise<T> {
    const { type = "merge", fieldManager, subresource } = options;
    const call = {
      ...at("PATCH", pathOf(resource, ref, subresource)),
      query: { fieldManager },
      contentType: `application/${type === "merge" ? "merge-patch" : "json-patch"}+json`,
      body: patch,
    };
    return this.request(`patch ${what(resource, ref, options)}`, call, options);
  }

  /** An object with finalizers stays, with a deletionTimestamp, until the last of them is taken off. */
  async delete(resource: Resource<KubeObject>, ref: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const { propagationPolicy, preconditions } = options;
    const call = { ...at("DELETE", pathOf(resource, ref)), body: { propagationPolicy, preconditions } };
    await this.request<AnyObject>(`delete ${resource.kind} ${keyOf(ref)}`, call, options);
  }

  /**
   * What happens to the resource's objects, until the server ends the watch, which it does sooner or later without an
   * error. A line cut short, a broken connection, silence and the API's own ERROR are {@link KubeError}s.
   */
  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds } = options;
    const { allowWatchBookmarks } = options;
    const selection = { labelSelector, fieldSelector, resourceVersion };
    const query = { watch: true, ...selection, timeoutSeconds, allowWatchBookmarks };
    const call = { ...at("GET", pathOf(resource, { namespace })), query };
    const doing = `watch ${resource.plural}`;
    using deadline = new Deadline(options.signal, this.#timeoutMs(options));
    try {
      const response = await this.#open(doing, call, deadline.signal);
      deadline.restart(options.inactivityMs ?? 90_000);
      const splitter = new LineSplitter();
      for await (const chunk of response as AsyncIterable<Buffer>) {
        deadline.refresh();
        for (const line of splitter.push(chunk)) yield eventOf<T>(doing, line);
      }
      if (splitter.isInsideLine) throw new KubeError(`cannot ${doing}: cut off in the middle of a line`, {});
    } catch (cause) {
      throw this.#explain(doing, cause, options.signal, deadline);
    }
  }

  /** Any other call: its JSON, or its text where the answer is none. `doing` is for the error: "get Node n-1". */
  async request<T>(doing: string, call: HttpCall, options: CallOptions = {}): Promise<T> {
    using deadline = new Deadline(options.signal, this.#timeoutMs(options));
    try {
      const response = await this.#open(doing, call, deadline.signal);
      const text = (await buffer(response)).toString("utf8");
      const isJson = response.headers["content-type"]?.startsWith("application/json") ?? false;
      return (isJson ? JSON.parse(text) : text) as T;
    } catch (cause) {
      throw this.#explain(doing, cause, options.signal, deadline);
    }
  }

  /** Closes the connections; calls that are under way fail. */
  [Symbol.dispose](): void {
    this.#transport.close();
  }

  async #open(doing: string, call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
    const begun = performance.now();
    let status: number | undefined;
    try {
      const response = await this.#transport.open(call, signal);
      status = response.statusCode;
      if (status !== undefined && status >= 200 && status < 300) return response;
      const body = (await buffer(response)).toString("utf8");
      const answer = { code: status ?? 0, retryAfter: response.headers["retry-after"] };
      throw errorOfStatus(doing, parseJson(body) ?? { message: body.trim() || undefined }, answer);
    } finally {
      const durationMs = performance.now() - begun;
      this.#options.onRequest?.({ method: call.method, host: this.#host, status, durationMs });
    }
  }

  #timeoutMs(options: CallOptions): number {
    return options.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
  }

  #explain(doing: string, cause: unknown, signal: AbortSignal | undefined, deadline: Deadline): unknown {
    if (signal?.aborted) return signal.reason;
    if (cause instanceof KubeError) return cause;
    if (deadline.isOver) {
      const message = `cannot ${doing}: ${this.#transport.server} went silent`;
      return new KubeError(message, { reason: "Timeout" }, { cause });
    }
    return new KubeError(`cannot ${doing}: ${this.#transport.server} was not reached`, {}, { cause });
  }
}

function at(method: HttpCall["method"], path: string): HttpCall {
  return { method, path };
}

function what(resource: Resource<KubeObject>, ref: ObjectName, options: WriteOptions | undefined): string {
  const part = options?.subresource === undefined ? "" : `the ${options.subresource} of `;
  return `${part}${resource.kind} ${keyOf(ref)}`;
}

function eventOf<T>(doing: string, line: string): WatchEvent<T> {
  const event = parseJson(line) as WatchEvent<T> | { readonly type: "ERROR"; readonly object: unknown };
  if (typeof event?.type !== "string")
    throw new KubeError(`cannot ${doing}: a line is no event: ${line.slice(0, 200)}`, {});
  if (event.type === "ERROR") throw errorOfStatus(doing, event.object);
  return event;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
