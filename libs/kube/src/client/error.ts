export interface KubeErrorDetails {
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The Kubernetes API refused, or was not reached. Every failure of a call but its caller's own abort is one of these. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  /** HTTP status; undefined when no whole answer came. */
  readonly status: number | undefined;
  /** The API's one word for programs: "NotFound", "AlreadyExists". "Timeout" and "Unreachable" are this client's. */
  readonly reason: string;
  /** How long the API asks to wait before the next try, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: KubeErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.status = details.status;
    this.reason = details.reason ?? "Unreachable";
    this.retryAfterMs = details.retryAfterMs;
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** The object changed since it was read, or (reason "AlreadyExists") is there already. */
  get isConflict(): boolean {
    return this.status === 409;
  }

  get isUnauthorized(): boolean {
    return this.status === 401;
  }

  get isForbidden(): boolean {
    return this.status === 403;
  }

  /** The resourceVersion or continue token is older than what the API keeps: only a new list helps. */
  get isExpired(): boolean {
    return this.status === 410;
  }
}

interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/** The error for a `Status` object of the API: the body of a refusal, or the object of a watch's ERROR. */
export function errorOfStatus(
  what: string,
  status: unknown,
  answer: { readonly code?: number; readonly retryAfter?: string | undefined } = {},
): KubeError {
  const { code, reason, message, details } = (status ?? {}) as Status;
  const statusCode = answer.code ?? code;
  const seconds = Number(answer.retryAfter ?? details?.retryAfterSeconds ?? Number.NaN);
  return new KubeError(`cannot ${what}: ${message ?? `HTTP ${statusCode}`}`, {
    status: statusCode,
    reason: reason ?? "Unknown",
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  });
}

/** `value` when the API answered so; any other error is thrown on. For "it is gone already" and the like. */
export function when<T>(isExpected: (error: KubeError) => boolean, value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof KubeError && isExpected(error)) return value;
    throw error;
  };
}
