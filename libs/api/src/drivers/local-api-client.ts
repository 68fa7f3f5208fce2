import { request } from "node:http";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import type { z } from "zod";
import type { ClusterStatus, MemberList } from "../cli-output.ts";
import type { FirewallReport } from "../firewall.ts";
import type { RingKeyReport } from "../ring-keys.ts";
import type {
  AgentCertificateAnswer,
  AgentCertificateRequest,
  AuditAnswer,
  JoinKeyList,
  LeaveAnswer,
  LeaveRequest,
  PendingNodeEntry,
  RecoverAnswer,
  RecoverRequest,
  RevokeAnswer,
  UpgradeReport,
  UpgradeRequest,
} from "../local-acts.ts";
import {
  LOCAL_API,
  LOCAL_API_GROUP,
  LOCAL_API_ROOT_SOCKET,
  LOCAL_API_SOCKET,
  LocalApiProblem,
  type LocalApiAccess,
  type LocalApiEndpoint,
} from "../local-api.ts";
import type { NodeStatus } from "../node-status.ts";

export type LocalApiFailure =
  "not-running" | "no-permission" | "no-answer" | "other-version" | "refused" | "not-yet";

/** Bootstrap's local API did not give an answer. `reason` is for programs; the message says what to do. */
export class LocalApiError extends Error {
  override readonly name = "LocalApiError";
  readonly reason: LocalApiFailure;

  constructor(reason: LocalApiFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface LocalApiClientOptions {
  readonly socketPath?: string;
  /** Where root asks for what only root may have. Default: `root.sock` beside the other. */
  readonly rootSocketPath?: string;
  /** How long one call may take, in milliseconds. Default 5 s; what others have a part in has longer. */
  readonly timeoutMs?: number;
  /** How many times slower than usual the machine is: every call may take so many times longer. Default 1. */
  readonly patience?: number;
}

/** Asks this machine's bootstrap. Every answer is checked against its schema; every failure is a {@link LocalApiError}. */
export class LocalApiClient {
  readonly #socketPaths: Readonly<Record<LocalApiAccess, string>>;
  readonly #timeoutMs: number;
  readonly #patience: number;

  constructor(options: LocalApiClientOptions = {}) {
    const group = options.socketPath ?? LOCAL_API_SOCKET;
    const root = options.rootSocketPath ?? join(dirname(group), basename(LOCAL_API_ROOT_SOCKET));
    this.#socketPaths = { group, root };
    this.#timeoutMs = options.timeoutMs ?? 5000;
    this.#patience = options.patience ?? 1;
  }

  status(signal?: AbortSignal): Promise<NodeStatus> {
    return this.#call(LOCAL_API.status, { signal });
  }

  cluster(signal?: AbortSignal): Promise<ClusterStatus> {
    return this.#call(LOCAL_API.cluster, { signal });
  }

  members(signal?: AbortSignal): Promise<MemberList> {
    return this.#call(LOCAL_API.members, { signal });
  }

  firewall(signal?: AbortSignal): Promise<FirewallReport> {
    return this.#call(LOCAL_API.firewall, { signal });
  }

  ringKeys(signal?: AbortSignal): Promise<RingKeyReport> {
    return this.#call(LOCAL_API.ringKeys, { signal });
  }

  rotateRingKey(signal?: AbortSignal): Promise<RingKeyReport> {
    return this.#call(LOCAL_API.rotateRingKey, { signal });
  }

  agentCertificate(body: AgentCertificateRequest, signal?: AbortSignal): Promise<AgentCertificateAnswer> {
    // A server has the cluster sign it, which takes as long as the slowest of three machines.
    return this.#call(LOCAL_API.agentCertificate, {
      body,
      signal,
      timeoutMs: Math.max(30_000, this.#timeoutMs),
    });
  }

  leave(request: LeaveRequest = {}, signal?: AbortSignal): Promise<LeaveAnswer> {
    // A server's place is handed over first, and everything that runs in pods here is ended.
    return this.#call(LOCAL_API.leave, {
      body: request,
      signal,
      timeoutMs: Math.max(900_000, this.#timeoutMs),
    });
  }

  recover(request: RecoverRequest, signal?: AbortSignal): Promise<RecoverAnswer> {
    return this.#call(LOCAL_API.recover, {
      body: request,
      signal,
      timeoutMs: Math.max(600_000, this.#timeoutMs),
    });
  }

  upgrade(signal?: AbortSignal): Promise<UpgradeReport> {
    return this.#call(LOCAL_API.upgrade, { signal, timeoutMs: Math.max(30_000, this.#timeoutMs) });
  }

  upgradeKubernetes(request: UpgradeRequest, signal?: AbortSignal): Promise<UpgradeReport> {
    // The package is copied and looked at.
    return this.#call(LOCAL_API.upgradeKubernetes, {
      body: request,
      signal,
      timeoutMs: Math.max(120_000, this.#timeoutMs),
    });
  }

  revoke(node: string, signal?: AbortSignal): Promise<RevokeAnswer> {
    return this.#call(LOCAL_API.revoke, {
      body: { node },
      signal,
      timeoutMs: Math.max(30_000, this.#timeoutMs),
    });
  }

  pending(signal?: AbortSignal): Promise<readonly PendingNodeEntry[]> {
    return this.#call(LOCAL_API.pending, { signal });
  }

  approve(node: string, signal?: AbortSignal): Promise<PendingNodeEntry> {
    return this.#call(LOCAL_API.approve, { body: { node }, signal });
  }

  joinKeys(signal?: AbortSignal): Promise<JoinKeyList> {
    return this.#call(LOCAL_API.joinKeys, { signal });
  }

  rotateJoinKey(signal?: AbortSignal): Promise<JoinKeyList> {
    return this.#call(LOCAL_API.rotateJoinKey, { signal });
  }

  audit(signal?: AbortSignal): Promise<AuditAnswer> {
    // A log of years is some megabytes.
    return this.#call(LOCAL_API.audit, { signal, timeoutMs: Math.max(30_000, this.#timeoutMs) });
  }

  async #call<Answer extends z.ZodType>(
    endpoint: LocalApiEndpoint & { readonly answer: Answer },
    options: {
      readonly body?: unknown;
      readonly signal?: AbortSignal | undefined;
      readonly timeoutMs?: number;
    },
  ): Promise<z.output<Answer>> {
    const timeoutMs = (options.timeoutMs ?? this.#timeoutMs) * this.#patience;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    let answer: { readonly status: number; readonly body: string };
    try {
      answer = await this.#exchange(endpoint, options.body, signal);
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw explain(cause, this.#socketPaths[endpoint.access], timeout.aborted ? timeoutMs : undefined);
    }
    const value = parseJson(answer.body);
    if (answer.status !== 200) throw refusal(endpoint, answer.status, value);
    const parsed = endpoint.answer.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new LocalApiError(
      "other-version",
      `bootstrap answered ${endpoint.path} in a shape that is not known here; ${RESTART}`,
      {
        cause: parsed.error,
      },
    );
  }

  async #exchange({ method, path, access }: LocalApiEndpoint, body: unknown, signal: AbortSignal) {
    const content = body === undefined ? undefined : JSON.stringify(body);
    return new Promise<{ readonly status: number; readonly body: string }>((resolve, reject) => {
      const headers =
        content === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(content) };
      // No agent: a connection kept open would outlive a restart of bootstrap and fail the next call.
      const call = request({
        socketPath: this.#socketPaths[access],
        method,
        path,
        headers,
        signal,
        agent: false,
      });
      call.on("error", reject);
      call.on("response", (response) => {
        text(response).then(
          (received) => resolve({ status: response.statusCode ?? 0, body: received }),
          reject,
        );
      });
      call.end(content);
    });
  }
}

function explain(cause: unknown, path: string, timedOutAfterMs: number | undefined): LocalApiError {
  if (timedOutAfterMs !== undefined) {
    const message = `bootstrap did not answer on ${path} within ${timedOutAfterMs / 1000} s; ${LOOK}`;
    return new LocalApiError("no-answer", message, { cause });
  }
  switch ((cause as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return new LocalApiError(
        "not-running",
        `bootstrap is not running on this machine (nothing listens on ${path}); ${LOOK}`,
        { cause },
      );
    case "EACCES":
    case "EPERM": {
      const who = path.endsWith(basename(LOCAL_API_ROOT_SOCKET))
        ? "root only; use sudo"
        : `root and the group ${LOCAL_API_GROUP} only; use sudo, or have an administrator run \`adduser $USER ${LOCAL_API_GROUP}\``;
      return new LocalApiError("no-permission", `${path} may be opened by ${who}`, { cause });
    }
    default:
      return new LocalApiError("no-answer", `bootstrap broke the connection on ${path}; ${LOOK}`, { cause });
  }
}

const LOOK = "see `systemctl status cluster-os-bootstrap`";
const RESTART = "after an upgrade, run `systemctl restart cluster-os-bootstrap`";

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function refusal(endpoint: { readonly path: string }, status: number, value: unknown): LocalApiError {
  const problem = LocalApiProblem.safeParse(value);
  if (status === 404) {
    return new LocalApiError(
      "other-version",
      `bootstrap does not know ${endpoint.path}: it is of another version; ${RESTART}`,
    );
  }
  const reason = status === 503 ? "not-yet" : "refused";
  return new LocalApiError(
    reason,
    problem.success ? problem.data.error : `bootstrap answered ${endpoint.path} with ${status}`,
  );
}
