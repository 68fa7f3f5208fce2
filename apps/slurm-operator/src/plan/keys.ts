import type { SlurmKeys } from "@cluster-os/api";
import type { Machine } from "./machine.ts";

/** From the moment at which the instant is written to the instant itself: time for every agent to hear of it. */
const NOTICE_MS = 5000;
/** A machine that has not changed its key so long after the instant is waited for no longer; its condition tells. */
const PATIENCE_MS = 60_000;
/** With several keys at a time, the old one stays believed for what was signed with it. */
const OVERLAP_MS = 120_000;

/** What is to be done with the keys; secrets are made by whoever carries it out. */
export type KeysAction =
  | { readonly kind: "create" }
  /** A new key is handed out; it signs nothing yet. */
  | { readonly kind: "stage"; readonly generation: number; readonly reason: string }
  | { readonly kind: "switch"; readonly at: string }
  | { readonly kind: "promote" };

export interface KeysObserved {
  readonly keys: SlurmKeys | undefined;
  readonly auth: "munge" | "slurm";
  readonly rotationSeconds: number;
  /** Value of the annotation that asks for a rotation; empty if there is none. */
  readonly asked: string;
  /** Digest of the names of all revoked nodes. */
  readonly revocations: string;
  readonly machines: readonly Machine[];
  readonly nowMs: number;
  readonly patience: number;
}

/**
 * The next step of a rotation: stage everywhere, name an instant, and when it has passed, let the new key take the old
 * one's place. A machine that is away does not hold it up: it gets the key before its slurmd starts.
 */
export function planKeys(observed: KeysObserved): KeysAction | undefined {
  const { keys, nowMs, patience, revocations } = observed;
  if (keys === undefined) return { kind: "create" };
  const { current, next, switchAt } = keys;
  if (next === undefined) {
    const reason = whyRotate(observed, keys);
    return reason === undefined ? undefined : { kind: "stage", generation: current.generation + 1, reason };
  }
  if (switchAt === undefined) {
    // Who was revoked meanwhile may have read the one that was handed out.
    if (keys.revocations !== revocations)
      return { kind: "stage", generation: next.generation + 1, reason: "a node was revoked" };
    const waiting = lacking(observed.machines, ({ next: staged }) => staged === next.generation);
    if (waiting.length > 0) return undefined;
    return { kind: "switch", at: new Date(nowMs + NOTICE_MS * patience).toISOString() };
  }
  const sinceMs = nowMs - Date.parse(switchAt);
  if (sinceMs < (observed.auth === "slurm" ? OVERLAP_MS * patience : 0)) return undefined;
  const waiting = lacking(observed.machines, ({ current: signing }) => signing === next.generation);
  return waiting.length === 0 || sinceMs >= PATIENCE_MS * patience ? { kind: "promote" } : undefined;
}

function whyRotate(
  { asked, revocations, rotationSeconds, nowMs }: KeysObserved,
  keys: SlurmKeys,
): string | undefined {
  if (keys.revocations !== revocations) return "a node was revoked";
  if (asked !== "" && asked !== keys.askedBy) return "somebody asked for it";
  const ageMs = nowMs - Date.parse(keys.current.madeAt);
  return ageMs >= rotationSeconds * 1000 ? "it has been in use for its time" : undefined;
}

type Generations = NonNullable<NonNullable<Machine["slurm"]>["keyGenerations"]>;

/** Names of the machines that answer, take part, and do not have it. */
export function lacking(
  machines: readonly Machine[],
  has: (generations: Generations) => boolean,
): readonly string[] {
  return machines
    .filter(({ isReady, slurm }) => isReady && slurm !== undefined && !has(slurm.keyGenerations ?? {}))
    .map(({ name }) => name);
}

/** When planning again may find something to do though nothing happens, in milliseconds. */
export function nextKeysLookMs({ keys, rotationSeconds, nowMs, patience }: KeysObserved): number | undefined {
  if (keys === undefined) return undefined;
  if (keys.switchAt !== undefined)
    return Math.max(1000, Math.min(Date.parse(keys.switchAt) - nowMs, PATIENCE_MS * patience));
  if (keys.next) return undefined;
  return Math.max(
    1000,
    Math.min(Date.parse(keys.current.madeAt) + rotationSeconds * 1000 - nowMs, 3_600_000),
  );
}
