import {
  durationSeconds,
  setCondition,
  SLURM_CLUSTER_NAME,
  SlurmTokenSpecSchema,
  type SlurmClusterSpec,
  type SlurmTokenSpec,
  type SlurmTokenStatus,
} from "@cluster-os/api";
import type { TokenClaims } from "@cluster-os/slurm";

/** People's numbers begin here; below are the system's own users, which get no token whatever a spec says. */
const FIRST_UID = 1000;
/** What is good for less than a third of its life is replaced. */
const RENEWED_AT = 2 / 3;
/** So many users are named to who asked for one that is not there. */
const NAMED_USERS = 8;

export interface TokenObserved {
  /** The SlurmToken's spec, as somebody wrote it. */
  readonly spec: unknown;
  readonly generation: number;
  readonly before: SlurmTokenStatus | undefined;
  /** Of the SlurmCluster; undefined where there is none, or it cannot be read. */
  readonly cluster: Pick<SlurmClusterSpec, "users" | "rest"> | undefined;
  /** Generation of the SlurmCluster's keys; undefined where there are none. */
  readonly keyGeneration: number | undefined;
  /** Generation of the keys by which slurmctld believes tokens; undefined while none runs that says. */
  readonly believedGeneration: number | undefined;
  readonly nowMs: number;
  /** Why the Secret could not be written, in the API server's words. */
  readonly problem?: string;
}

export interface TokenPlan {
  /** What the Secret is to say; "nothing": it is to be empty; undefined: it is to stay as it is. */
  readonly claims: TokenClaims | "nothing" | undefined;
  readonly status: SlurmTokenStatus;
  /** In how many milliseconds there is something to do though nothing changes. */
  readonly lookAgainMs: number | undefined;
}

/** Why a token is ready, or not. */
interface Refusal {
  readonly reason: string;
  readonly message: string;
  /** Nothing says that there is to be no token: the one that is there stays. */
  readonly isUnknown?: boolean;
}

/** The token that is there while it is as wished and young enough, else a new one, else why there is none. */
export function planToken(observed: TokenObserved): TokenPlan {
  const { generation, keyGeneration, nowMs, problem } = observed;
  // Before all else: whatever the Secret was to become, it is not.
  if (problem !== undefined) {
    const message = `the Secret of the same name cannot be written: ${problem}. If it is somebody else's, delete it or rename the SlurmToken`;
    return refused(observed, { reason: "SecretRefused", message, isUnknown: true });
  }
  const spec = SlurmTokenSpecSchema.safeParse(observed.spec ?? {});
  if (!spec.success) {
    const [issue] = spec.error.issues;
    const where = ["spec", ...(issue?.path ?? [])].join(".");
    return refused(observed, { reason: "SpecInvalid", message: `${where}: ${issue?.message ?? "invalid"}` });
  }
  const refusal = whyNot(observed, spec.data);
  if (refusal) return refused(observed, refusal);
  const lifetimeS = durationSeconds(spec.data.lifetime) ?? 0;
  const claims = stillGood(observed, spec.data.user, lifetimeS) ?? fresh(spec.data.user, lifetimeS, nowMs);
  const { user, issuedAt, expiresAt } = claims;
  return {
    claims,
    status: {
      user,
      issuedAt: isoOf(issuedAt),
      expiresAt: isoOf(expiresAt),
      ...(keyGeneration !== undefined && { keyGeneration }),
      conditions: isBelieved(observed)
        ? conditions(observed, "True", issued(user))
        : conditions(observed, "False", pending(user, keyGeneration)),
      observedGeneration: generation,
    },
    lookAgainMs: Math.max(1000, renewalMs(claims) - nowMs),
  };
}

/**
 * Whether slurmctld takes what these keys sign. One that did does so wherever it moves: it is given the key before it starts. So its
 * silence is no news.
 */
function isBelieved({ before, keyGeneration, believedGeneration }: TokenObserved): boolean {
  if (believedGeneration !== undefined) return believedGeneration === keyGeneration;
  const ready = before?.conditions?.find(({ type }) => type === "Ready");
  return before?.keyGeneration === keyGeneration && ready?.status === "True";
}

function issued(user: string): Refusal {
  return { reason: "Issued", message: `Secret of the same name has a token for ${user}` };
}

function pending(user: string, generation: number | undefined): Refusal {
  const message = `Secret of the same name has a token for ${user}, and SLURM's controller is yet to take the keys of generation ${generation}`;
  return { reason: "KeyPending", message };
}

function whyNot({ cluster, keyGeneration }: TokenObserved, { user }: SlurmTokenSpec): Refusal | undefined {
  if (!cluster) {
    const message = "there is no SlurmCluster that can be read";
    return { reason: "NoSlurmCluster", message, isUnknown: true };
  }
  if (!cluster.rest.enabled) {
    const message = `SLURM's REST API is off: set spec.rest.enabled of SlurmCluster ${SLURM_CLUSTER_NAME}`;
    return { reason: "RestDisabled", message };
  }
  const declared = cluster.users.find(({ name }) => name === user);
  if (!declared) return { reason: "UserUnknown", message: unknownUser(user, cluster.users) };
  if (declared.uid < FIRST_UID) {
    const message = `${user} has number ${declared.uid}: users of the system get no token`;
    return { reason: "UserOfSystem", message };
  }
  if (keyGeneration === undefined) {
    const message = "the SlurmCluster has no keys that can be read";
    return { reason: "NoKeys", message, isUnknown: true };
  }
  return undefined;
}

function unknownUser(user: string, users: SlurmClusterSpec["users"]): string {
  const names = users.slice(0, NAMED_USERS).map(({ name }) => name);
  const more = users.length > NAMED_USERS ? ", ..." : "";
  const there = names.length === 0 ? "it has none" : `it has ${names.join(", ")}${more}`;
  return `${user} is not in spec.users of SlurmCluster ${SLURM_CLUSTER_NAME}: ${there}`;
}

/** The claims of the token that is there, if those are what is wished for and it need not be replaced yet. */
function stillGood(
  { before, keyGeneration, nowMs }: TokenObserved,
  user: string,
  lifetimeS: number,
): TokenClaims | undefined {
  const { issuedAt, expiresAt } = before ?? {};
  if (issuedAt === undefined || expiresAt === undefined) return undefined;
  const claims = { user, issuedAt: Date.parse(issuedAt) / 1000, expiresAt: Date.parse(expiresAt) / 1000 };
  const isWished =
    before?.user === user &&
    before.keyGeneration === keyGeneration &&
    claims.expiresAt - claims.issuedAt === lifetimeS;
  // A clock that was ahead made it: it would be good for too long.
  const isOfFuture = claims.issuedAt * 1000 > nowMs;
  return isWished && !isOfFuture && nowMs < renewalMs(claims) ? claims : undefined;
}

function fresh(user: string, lifetimeS: number, nowMs: number): TokenClaims {
  const issuedAt = Math.floor(nowMs / 1000);
  return { user, issuedAt, expiresAt: issuedAt + lifetimeS };
}

function renewalMs({ issuedAt, expiresAt }: TokenClaims): number {
  return (issuedAt + (expiresAt - issuedAt) * RENEWED_AT) * 1000;
}

function refused(observed: TokenObserved, why: Refusal): TokenPlan {
  const { before, generation } = observed;
  const { conditions: _, observedGeneration: __, ...given } = before ?? {};
  return {
    claims: why.isUnknown === true ? undefined : "nothing",
    status: {
      // What the status knows of a token is what has it taken away in the end.
      ...(why.isUnknown === true && given),
      conditions: conditions(observed, "False", why),
      observedGeneration: generation,
    },
    lookAgainMs: undefined,
  };
}

/** The status before the first token is written, so that whoever is cut off after that knows that there is one. */
export function beginning(observed: TokenObserved, { user }: TokenClaims): SlurmTokenStatus {
  const why = { reason: "Issuing", message: `a token for ${user} is being made` };
  return {
    user,
    conditions: conditions(observed, "False", why),
    observedGeneration: observed.generation,
  };
}

function conditions(
  { before, generation, nowMs }: TokenObserved,
  status: "True" | "False",
  { reason, message }: Refusal,
) {
  const condition = { type: "Ready", status, reason, message, observedGeneration: generation };
  return setCondition(before?.conditions ?? [], condition, isoOf(Math.floor(nowMs / 1000)));
}

/** RFC 3339 without fractions, as Kubernetes writes times. */
function isoOf(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace(".000Z", "Z");
}
