import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import {
  keyOf,
  pathOf,
  type AnyObject,
  type Connection,
  type KubeObject,
  type Resource,
} from "../../src/index.ts";
import { NO_FAULTS, type Faults, type WatchFault } from "./faults.ts";
import { type Entry, Refusal, World } from "./world.ts";

/** What a request is about, as its path says. */
interface Target {
  readonly resource: Resource<KubeObject>;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

interface OpenWatch {
  readonly response: ServerResponse;
  readonly target: Target;
  sent: Entry[];
  isSilent: boolean;
}

/**
 * An API server for tests, over plain HTTP on 127.0.0.1: a {@link World} in the shape of the Kubernetes API - lists in
 * pages, watches with bookmarks, the writes a controller makes - that goes wrong when its `faults` say so. It checks no
 * schemas and no rights, and label selectors only of the forms a and a=b; for those there is the real one.
 */
export class FakeApiServer implements AsyncDisposable {
  readonly world = new World();
  faults: Faults = NO_FAULTS;
  /** What was asked, by verb: "list", "watch", "get", "create" and so on. */
  readonly requests = new Map<string, number>();
  readonly #resources: readonly Resource<KubeObject>[];
  readonly #server: Server;
  readonly #watches = new Set<OpenWatch>();

  constructor(resources: readonly Resource<KubeObject>[]) {
    this.#resources = resources;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.world.onEntry((entry) => {
      for (const watch of this.#watches) this.#send(watch, entry);
    });
  }

  static async start(resources: readonly Resource<KubeObject>[]): Promise<FakeApiServer> {
    const fake = new FakeApiServer(resources);
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get connection(): Connection {
    return { server: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` };
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Lets all open watches go wrong now. */
  breakWatches(fault: WatchFault): void {
    for (const watch of [...this.#watches]) this.#breakWatch(watch, fault);
  }

  /** Tells all watches which version they have come to. */
  sendBookmarks(): void {
    for (const watch of this.#watches) this.#sendBookmark(watch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://fake");
    const isWatch = url.searchParams.get("watch") === "true";
    try {
      const target = this.#targetOf(url.pathname);
      const verb = verbOf(request, target, isWatch);
      this.requests.set(verb, (this.requests.get(verb) ?? 0) + 1);
      const body = request.method === "GET" ? undefined : ((await json(request)) as AnyObject);
      const fault =
        verb === "list" || verb === "watch" || verb === "get" ? this.faults.request(verb) : undefined;
      let lag = 0;
      switch (fault?.kind) {
        case "reset":
          return void request.socket.resetAndDestroy();
        case "status":
          if (fault.retryAfterSeconds !== undefined)
            response.setHeader("retry-after", fault.retryAfterSeconds);
          throw new Refusal(fault.code, fault.code === 410 ? "Expired" : "Injected");
        case "slow":
          await new Promise((resolve) => setTimeout(resolve, fault.ms));
          break;
        case "stale":
          lag = fault.versions;
          break;
        case undefined:
          break;
        default:
          fault satisfies never;
      }
      if (isWatch) return this.#openWatch(target, url.searchParams, response);
      answer(response, 200, this.#carryOut(verb, target, url.searchParams, body, lag));
    } catch (error) {
      const { code, reason, message } =
        error instanceof Refusal ? error : new Refusal(500, "InternalError", String(error));
      answer(response, code, { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message });
    }
  }

  #carryOut(
    verb: string,
    target: Target,
    query: URLSearchParams,
    body: AnyObject | undefined,
    lag: number,
  ): unknown {
    const { resource, name, namespace, subresource } = target;
    const { plural } = resource;
    const key = keyOf({ name: name ?? "", namespace: resource.namespaced ? namespace : undefined });
    const fieldManager = query.get("fieldManager") ?? "";
    switch (verb) {
      case "list":
        return this.#list(target, query, lag);
      case "get":
        return this.world.get(plural, key);
      case "create":
        return this.world.create(plural, body as AnyObject);
      case "replace":
        return this.world.replace(plural, body as AnyObject, { subresource });
      case "patch":
        return this.world.mergePatch(plural, key, body as AnyObject, { subresource });
      case "apply":
        return this.world.apply(plural, body as AnyObject, { subresource, fieldManager });
      case "delete":
        return this.world.delete(plural, key);
      default:
        throw new Refusal(405, "MethodNotAllowed");
    }
  }

  #list(target: Target, query: URLSearchParams, lag: number): unknown {
    const token = query.get("continue");
    const [at, after] = token === null ? [undefined, ""] : (JSON.parse(token) as [number, string]);
    const isExact = query.get("resourceVersionMatch") === "Exact";
    const exact = isExact ? Number(query.get("resourceVersion")) : undefined;
    const version = at ?? exact ?? Math.max(1000, this.world.version - lag);
    const all = [...this.world.at(target.resource.plural, version)].filter(
      ([key, object]) => key > after && isSelected(target, query, object),
    );
    const page = all.slice(0, Number(query.get("limit") ?? all.length));
    const isMore = page.length < all.length;
    const next = isMore ? { continue: JSON.stringify([version, page.at(-1)?.[0]]) } : {};
    const metadata = { resourceVersion: String(version), ...next };
    return { kind: "List", apiVersion: "v1", metadata, items: page.map(([, object]) => object) };
  }

  #openWatch(target: Target, query: URLSearchParams, response: ServerResponse): void {
    const missed = this.world.since(target.resource.plural, Number(query.get("resourceVersion") ?? 0));
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    const watch: OpenWatch = { response, target, sent: [], isSilent: false };
    this.#watches.add(watch);
    const seconds = Number(query.get("timeoutSeconds") ?? 3600);
    const timer = setTimeout(() => {
      if (watch.isSilent) return;
      this.#sendBookmark(watch);
      this.#breakWatch(watch, { kind: "end" });
    }, seconds * 1000);
    response.on("close", () => {
      clearTimeout(timer);
      this.#watches.delete(watch);
    });
    for (const entry of missed) this.#send(watch, entry);
  }

  #send(watch: OpenWatch, entry: Entry): void {
    const { resource, namespace } = watch.target;
    if (!this.#watches.has(watch) || watch.isSilent || entry.resource !== resource.plural) return;
    if (namespace !== undefined && entry.object.metadata.namespace !== namespace) return;
    watch.response.write(lineOf(entry));
    watch.sent = [...watch.sent.slice(-20), entry];
    const fault = this.faults.watch();
    if (fault !== undefined) this.#breakWatch(watch, fault);
  }

  #sendBookmark(watch: OpenWatch): void {
    if (watch.isSilent) return;
    const metadata = { resourceVersion: String(this.world.version) };
    watch.response.write(`${JSON.stringify({ type: "BOOKMARK", object: { metadata } })}\n`);
  }

  #breakWatch(watch: OpenWatch, fault: WatchFault): void {
    const { response } = watch;
    if (fault.kind !== "replay") this.#watches.delete(watch);
    switch (fault.kind) {
      case "reset":
        response.socket?.resetAndDestroy();
        break;
      case "truncate": {
        const { resource, namespace } = watch.target;
        const metadata = { name: "cut", namespace, resourceVersion: String(this.world.version) };
        const object = { kind: resource.kind, metadata };
        response.end(JSON.stringify({ type: "ADDED", object }).slice(0, -9));
        break;
      }
      case "error": {
        const object = {
          kind: "Status",
          code: fault.code,
          reason: fault.code === 410 ? "Expired" : "Injected",
        };
        response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
        break;
      }
      case "replay":
        for (const entry of watch.sent.slice(-fault.count)) response.write(lineOf(entry));
        break;
      case "silence":
        watch.isSilent = true;
        break;
      case "end":
        response.end();
        break;
      default:
        fault satisfies never;
    }
  }

  #targetOf(path: string): Target {
    for (const resource of this.#resources) {
      const root = pathOf(resource).slice(0, -resource.plural.length);
      if (!path.startsWith(root)) continue;
      const parts = path.slice(root.length).split("/").map(decodeURIComponent);
      const isInNamespace = parts[0] === "namespaces" && parts.length > 2;
      const [plural, name, subresource] = isInNamespace ? parts.slice(2) : parts;
      if (plural !== resource.plural) continue;
      return { resource, name, subresource, namespace: isInNamespace ? parts[1] : undefined };
    }
    throw new Refusal(404, "NotFound", `the server could not find the requested resource ${path}`);
  }
}

function verbOf({ method = "", headers }: IncomingMessage, target: Target, isWatch: boolean): string {
  if (method === "GET") return isWatch ? "watch" : target.name === undefined ? "list" : "get";
  if (method === "PATCH" && headers["content-type"] === "application/apply-patch+yaml") return "apply";
  return { POST: "create", PUT: "replace", PATCH: "patch", DELETE: "delete" }[method] ?? method;
}

function isSelected(target: Target, query: URLSearchParams, object: AnyObject): boolean {
  const { namespace } = target;
  if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
  const selector = query.get("labelSelector") ?? "";
  return selector
    .split(",")
    .filter((term) => term !== "")
    .every((term) => {
      const [name = "", value] = term.split("=");
      const label = object.metadata.labels?.[name];
      return value === undefined ? label !== undefined : label === value;
    });
}

function lineOf({ type, object }: Entry): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
