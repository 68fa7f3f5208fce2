import type { SlurmKeys } from "@cluster-os/api";
import type { Rng } from "@cluster-os/std";
import type { KeysAction, KeysObserved } from "./plan/keys.ts";

/** munge takes up to 1024 bytes; 128 are what its own maker of keys makes. */
const KEY_BYTES = 128;
const JWT_BYTES = 32;

export interface KeysAfter {
  readonly keys: SlurmKeys;
  /** For an event: never anything of a key. */
  readonly reason: string;
  readonly note: string;
}

/** The keys once the action is carried out. Throws where it does not fit them. */
export function keysAfter(
  action: KeysAction,
  { keys, asked, revocations, nowMs }: Pick<KeysObserved, "keys" | "asked" | "revocations" | "nowMs">,
  rng: Rng,
): KeysAfter {
  const make = (generation: number) => ({
    generation,
    secret: rng.bytes(KEY_BYTES),
    madeAt: new Date(nowMs).toISOString(),
  });
  if (action.kind === "create") {
    const made = { current: make(1), jwt: rng.bytes(JWT_BYTES), askedBy: asked, revocations };
    return { keys: made, reason: "KeyMade", note: "the first key is made" };
  }
  if (keys === undefined) throw new RangeError(`there are no keys to ${action.kind}`);
  const { current, next, jwt } = keys;
  switch (action.kind) {
    case "stage": {
      const staged = { current, next: make(action.generation), jwt, askedBy: asked, revocations };
      const note = `generation ${action.generation} is handed out: ${action.reason}`;
      return { keys: staged, reason: "KeyRotationStarted", note };
    }
    case "switch": {
      if (next === undefined) throw new RangeError("there is no next key to switch to");
      const note = `generation ${next.generation} signs from ${action.at} on`;
      return { keys: { ...keys, switchAt: action.at }, reason: "KeySwitch", note };
    }
    case "promote": {
      if (next === undefined) throw new RangeError("there is no next key to promote");
      const { askedBy, revocations: covered } = keys;
      // Who had the old key may have made tokens with this one, which every machine can read.
      const promoted = { current: next, jwt: rng.bytes(JWT_BYTES), askedBy, revocations: covered };
      const note = `generation ${next.generation} is the only one`;
      return { keys: promoted, reason: "KeyRotationCompleted", note };
    }
  }
}
