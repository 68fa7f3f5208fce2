import type { SlurmClusterSpec, SlurmConfig, SlurmLease } from "@cluster-os/api";
import type { FencerStatus } from "@cluster-os/fencer";
import type { Nomination } from "@cluster-os/replication";
import { signerOf } from "@cluster-os/slurm";
import { secretDigest } from "./keys.ts";
import type { UnitState } from "./plan.ts";
import { nominationOf, standingIn, type Standing, type StateObserved } from "./state.ts";
import type { ControllerWish } from "./wish.ts";

/** SLURM's controller on this machine, or the lack of it. */
export interface ControllerObserved {
  readonly unit: UnitState;
  /** What the fencer says; undefined where it does not answer. */
  readonly fencer?: FencerStatus | undefined;
  /** Hash of the configuration that lies there for slurmctld. */
  readonly configHash?: string | undefined;
  /** What signs by that configuration. */
  readonly signer?: SlurmClusterSpec["auth"] | undefined;
  /** The one that was refused last, so that it is not tried again and again. */
  readonly refusedHash?: string | undefined;
  /** Digest of the key of the REST API's tokens that slurmctld has; undefined where there is none yet. */
  readonly tokenKeyDigest?: string | undefined;
  /** slurmrestd, and the mesh address that it was last told to listen on. */
  readonly rest?: { readonly unit: UnitState; readonly address?: string | undefined };
  /** The copy here of what slurmctld saves. */
  readonly state: StateObserved;
}

export type ControllerAction =
  /** Have the configuration looked at, put it in place, and tell slurmctld if it runs. */
  | { readonly kind: "apply-config"; readonly config: SlurmConfig }
  /** Begin to bring the newest saved state here. */
  | { readonly kind: "take-over"; readonly nomination: Nomination }
  /** Put the key of the REST API's tokens in place, and tell slurmctld if it runs. */
  | { readonly kind: "use-token-key"; readonly key: Uint8Array }
  | { readonly kind: "start-controller" }
  /** Begin slurmrestd anew, on this mesh address. */
  | { readonly kind: "start-rest"; readonly address: string }
  | { readonly kind: "stop-rest" }
  /** slurmctld saves everything before it ends. */
  | { readonly kind: "stop-controller"; readonly why: StopReason }
  /** Wait until what slurmctld saved is on a majority's disks. */
  | { readonly kind: "save-state" }
  /** Everything is saved, and nobody vouches any more: another may be elected. */
  | { readonly kind: "give-lease-back" };

type StopReason =
  | "not the holder"
  | "another epoch"
  | "another leads"
  | "state not kept"
  | "release wanted"
  /** slurmctld takes over everything of a configuration while it runs but this. */
  | "another signer";

/** What to do with the controller; the deadline is somebody else's, see vouching.ts. */
export function planController(
  observed: ControllerObserved,
  wish: ControllerWish | undefined,
): readonly ControllerAction[] {
  const isUp = isRunning(observed.unit);
  // slurmrestd goes with slurmctld: its unit is bound to that.
  if (!wish) return isUp ? [{ kind: "stop-controller", why: "not the holder" }] : [];
  const { config, lease } = wish;
  const standing = standingIn(lease.epoch, observed.state);
  if (lease.isReleaseWanted) return planRelease(observed, lease, standing);
  const why = isUp ? whyStop(observed, wish, standing) : undefined;
  if (why !== undefined) return [{ kind: "stop-controller", why }];
  const isNew = config.hash !== observed.configHash && config.hash !== observed.refusedHash;
  // Without any configuration there is nothing to start; the refusal says why.
  const canStart = isNew || observed.configHash !== undefined;
  const isDown = !isUp && observed.unit !== "deactivating";
  return [
    ...planTakeOver(observed, lease, standing),
    ...(isNew ? [{ kind: "apply-config", config } as const] : []),
    ...(tokenKeyDigest(wish.tokenKey) === observed.tokenKeyDigest
      ? []
      : [{ kind: "use-token-key", key: wish.tokenKey } as const]),
    ...(isDown && canStart && standing === "leads" ? [{ kind: "start-controller" } as const] : []),
    ...planRest(observed, wish),
  ];
}

/** Of a key of tokens, by which it can be told whether slurmctld has it. */
export function tokenKeyDigest(key: Uint8Array): string {
  return secretDigest("slurm-token-key", key);
}

/** Only beside a slurmctld that is vouched for, which answers it. */
function planRest(
  { unit, fencer, rest }: ControllerObserved,
  { restAddress }: ControllerWish,
): readonly ControllerAction[] {
  if (rest === undefined) return [];
  const isUp = isRunning(rest.unit);
  if (restAddress === undefined) return isUp ? [{ kind: "stop-rest" }] : [];
  const isAnswered = unit === "active" && fencer !== undefined && fencer.state !== "waiting";
  if (!isAnswered || (isUp && rest.address === restAddress)) return [];
  return [{ kind: "start-rest", address: restAddress }];
}

function whyStop(
  { fencer, signer }: ControllerObserved,
  { lease, config }: ControllerWish,
  standing: Standing,
): StopReason | undefined {
  if (standing === "outvoted") return "another leads";
  if (signer !== undefined && signer !== signerOf(config.files)) return "another signer";
  if (!fencer || fencer.state === "waiting") return undefined;
  if (fencer.epoch !== lease.epoch) return "another epoch";
  // It ran in this epoch, and the copy does not know: its store was lost. The others' is as new as anything acknowledged.
  return standing === "follows" ? "state not kept" : undefined;
}

/**
 * Whoever takes over replaces slurmctld's directory: never under one that runs. Where this machine led the epoch before, no file is
 * touched, and slurmctld may go on.
 */
function planTakeOver(
  { unit, fencer }: ControllerObserved,
  lease: SlurmLease,
  standing: Standing,
): readonly ControllerAction[] {
  const isQuiet =
    unit === "inactive" || unit === "failed" || (isRunning(unit) && fencer?.state === "waiting");
  if (standing !== "led" && !(standing === "follows" && isQuiet)) return [];
  return [{ kind: "take-over", nomination: nominationOf(lease) }];
}

function planRelease(
  { unit }: ControllerObserved,
  lease: SlurmLease,
  standing: Standing,
): readonly ControllerAction[] {
  if (isRunning(unit)) return [{ kind: "stop-controller", why: "release wanted" }];
  if (unit === "deactivating") return [];
  switch (standing) {
    case "leads":
      return [{ kind: "save-state" }, { kind: "give-lease-back" }];
    case "led":
      return [{ kind: "take-over", nomination: nominationOf(lease) }];
    case "follows":
    case "outvoted":
      // Nothing ran here in this epoch, or nobody would keep it.
      return [{ kind: "give-lease-back" }];
    case "closed":
    case "takes-over":
      return [];
    default:
      return standing satisfies never;
  }
}

function isRunning(unit: UnitState): boolean {
  return unit === "active" || unit === "activating";
}
