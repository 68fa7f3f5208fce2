import { isSameRuleset, planRedirect, type Ruleset } from "@cluster-os/firewall";
import { SLURM_CONTROLLER_PORT } from "@cluster-os/api";
import { planAccounts, type Account, type AccountAction } from "./accounts.ts";
import { slurmdEnvironment, withSlurmNames } from "./files.ts";
import { planJwks, type JwksAction, type JwksSeen } from "./jwks.ts";
import { planKeys, type KeyAction, type KeyFiles } from "./keys.ts";
import { isSameLimits, jobLimits, type JobLimits } from "./limits.ts";
import { kubeletReservation } from "./reservation.ts";
import type { SlurmWish } from "./wish.ts";

/** systemd's words, as far as they matter here. */
export type UnitState = "active" | "activating" | "deactivating" | "inactive" | "failed";

/** Debian's units that node-agent starts and stops. */
export type SlurmUnit = "munge.service" | "slurmd.service";

/** This machine, as far as it takes part in SLURM as every other does. */
export interface SlurmObserved {
  /** munge's. */
  readonly keyFiles: KeyFiles;
  /** Those of auth/slurm. */
  readonly jwks: JwksSeen;
  readonly hosts: string;
  /** The environment of slurmd's unit; undefined where there is none. */
  readonly environment?: string | undefined;
  readonly units: Readonly<Record<SlurmUnit, UnitState>>;
  /** What slurmd's unit, and with it every job, is held to. */
  readonly limits: JobLimits;
  /** The jobs' share as the kubelet was told of it: see {@link kubeletReservation}. Undefined where it was told of none. */
  readonly reservation?: string | undefined;
  /** Logical processors of the machine. */
  readonly processors: number;
  readonly accounts: readonly Account[];
  /** Where this machine's connections to a controller go instead of where they mean to; undefined where they are left alone. */
  readonly redirect?: Ruleset | undefined;
  /** Why that is not known: a machine without it is a part of SLURM all the same. */
  readonly redirectProblem?: string | undefined;
  /** slurmd has run for long enough, and slurmctld answers, but does not know this node or has given it up. */
  readonly isForgotten?: boolean;
}

export type SlurmAction =
  | KeyAction
  | JwksAction
  | AccountAction
  | { readonly kind: "write-hosts"; readonly text: string }
  | { readonly kind: "write-environment"; readonly text: string }
  | { readonly kind: "limit-jobs"; readonly limits: JobLimits }
  | { readonly kind: "reserve"; readonly text: string }
  | { readonly kind: "release" }
  | { readonly kind: "write-redirect"; readonly ruleset: Ruleset }
  | { readonly kind: "remove-redirect" }
  | { readonly kind: "start-unit" | "restart-unit" | "stop-unit"; readonly unit: SlurmUnit };

export interface SlurmPlan {
  /** In the order in which to do them: each stands on those before it. */
  readonly actions: readonly SlurmAction[];
  readonly problems: readonly string[];
}

/** What to do on this machine so that it is what the API wants. Without a wish, it takes no part. */
export function planSlurm(
  observed: SlurmObserved,
  wish: SlurmWish | undefined,
  wallTimeMs: number,
): SlurmPlan {
  if (!wish) return { actions: stopAll(observed), problems: [] };
  const { units, hosts, redirectProblem } = observed;
  const signer = planSigner(observed, wish, wallTimeMs);
  const { actions: accounts, problems } = planAccounts(observed.accounts, wish.users);
  const names = withSlurmNames(hosts, wish.controllerAddress);
  const environment = slurmdEnvironment(wish.settings, wish.auth);
  const isNewEnvironment = environment !== observed.environment;
  return {
    actions: [
      ...signer.before,
      ...accounts,
      ...(names === hosts ? [] : [{ kind: "write-hosts", text: names } as const]),
      ...planRedirection(observed, wish),
      ...(isNewEnvironment ? [{ kind: "write-environment", text: environment } as const] : []),
      ...planLimits(observed, wish),
      ...planSlurmd(units["slurmd.service"], names, isNewEnvironment || observed.isForgotten === true),
      ...signer.after,
      ...planReservation(observed, wish),
    ],
    problems: redirectProblem === undefined ? problems : [...problems, redirectProblem],
  };
}

/** What signs SLURM's messages: before slurmd starts, and once it and slurmctld can be talked to. */
function planSigner(
  { keyFiles, jwks, units: { "munge.service": munge } }: SlurmObserved,
  { auth, keys }: SlurmWish,
  wallTimeMs: number,
): { readonly before: readonly SlurmAction[]; readonly after: readonly SlurmAction[] } {
  if (auth === "munge") {
    const actions = planKeys(keyFiles, keys, wallTimeMs);
    return { before: [...actions, ...planMunge(munge, actions)], after: [] };
  }
  const { write, load } = planJwks(jwks, keys, wallTimeMs);
  // It ran for a SlurmCluster that was deleted.
  const stop = isUp(munge) ? [{ kind: "stop-unit", unit: "munge.service" } as const] : [];
  return { before: write, after: [...load, ...stop] };
}

/** munged reads its key when it starts. */
function planMunge(state: UnitState, keys: readonly KeyAction[]): readonly SlurmAction[] {
  const unit = "munge.service";
  if (keys.some(({ kind }) => kind === "use-key")) return [{ kind: "restart-unit", unit }];
  return isUp(state) ? [] : [{ kind: "start-unit", unit }];
}

/** Before slurmd starts; and those of jobs that run change while they run. */
function planLimits({ limits, processors }: SlurmObserved, { settings }: SlurmWish): readonly SlurmAction[] {
  const wished = jobLimits(settings, processors);
  return isSameLimits(limits, wished) ? [] : [{ kind: "limit-jobs", limits: wished }];
}

/** Last: whatever ails the kubelet, SLURM works. */
function planReservation(
  { reservation, processors }: SlurmObserved,
  { settings }: SlurmWish,
): readonly SlurmAction[] {
  const text = kubeletReservation(settings, processors);
  return text === reservation ? [] : [{ kind: "reserve", text }];
}

/**
 * slurmd needs a controller that has a name, and finds the next one by itself. What it says of its machine it says at its
 * start; the jobs' processes are not its own, and go on.
 */
function planSlurmd(state: UnitState, hosts: string, isToRegister: boolean): readonly SlurmAction[] {
  const unit = "slurmd.service";
  if (!/ slurmctl /.test(hosts)) return [];
  if (!isUp(state)) return [{ kind: "start-unit", unit }];
  return isToRegister ? [{ kind: "restart-unit", unit }] : [];
}

/**
 * A command that was begun while the controller moved keeps to the address it looked up, and tries that for half a minute. It gets
 * to the controller with its next try. While one is being chosen, the rule stays as it was, as the name does.
 */
function planRedirection(
  { redirect, redirectProblem }: SlurmObserved,
  { controllerAddress: to, meshNetwork: network }: SlurmWish,
): readonly SlurmAction[] {
  if (to === undefined || network === undefined || redirectProblem !== undefined) return [];
  const ruleset = planRedirect({ network, port: SLURM_CONTROLLER_PORT, to });
  return isSameRuleset(redirect, ruleset) ? [] : [{ kind: "write-redirect", ruleset }];
}

function stopAll({ units, redirect, reservation }: SlurmObserved): readonly SlurmAction[] {
  const stops = (["slurmd.service", "munge.service"] as const)
    .filter((unit) => isUp(units[unit]))
    .map((unit) => ({ kind: "stop-unit", unit }) as const);
  return [
    ...stops,
    ...(redirect ? [{ kind: "remove-redirect" } as const] : []),
    ...(reservation === undefined ? [] : [{ kind: "release" } as const]),
  ];
}

function isUp(state: UnitState): boolean {
  return state === "active" || state === "activating";
}

/** An action for the log: what it is about, and never a key. */
export function describeAction(action: SlurmAction): Readonly<Record<string, string | number>> {
  switch (action.kind) {
    case "stage-key":
    case "use-key":
      return { action: action.kind, generation: action.key.generation };
    case "write-jwks":
    case "load-jwks":
      return { action: action.kind, generation: action.generation };
    case "start-unit":
    case "restart-unit":
    case "stop-unit":
      return { action: action.kind, unit: action.unit };
    case "add-account":
    case "rename-person":
    case "set-ssh-keys":
    case "unlock-account":
    case "lock-account":
      return { action: action.kind, user: action.name };
    case "limit-jobs":
      return { action: action.kind, ...action.limits };
    case "reserve":
    case "release":
    case "drop-staged-key":
    case "write-hosts":
    case "write-environment":
    case "write-redirect":
    case "remove-redirect":
      return { action: action.kind };
    default:
      return action satisfies never;
  }
}
