import { signingKeyAt, type SlurmKeys } from "@cluster-os/api";
import { renderJwks } from "@cluster-os/slurm";
import { isDeepStrictEqual } from "node:util";
import { keyDigest, type KeysAtWork } from "./keys.ts";

/** Keys of auth/slurm on this machine. */
export interface JwksSeen {
  /** slurm.jwks as it lies there. A secret. */
  readonly text?: string | undefined;
  /** What of it all of SLURM that ran here has read, as it was written down last. */
  readonly atWork?: KeysAtWork | undefined;
}

export type JwksAction =
  /** `generation` is that of the key that signs. */
  | { readonly kind: "write-jwks"; readonly generation: number; readonly text: string }
  /** Have slurmctld and slurmd read what lies there, where they run, and write down that they have. */
  | { readonly kind: "load-jwks"; readonly generation: number; readonly atWork: KeysAtWork };

export interface JwksPlan {
  readonly write: readonly JwksAction[];
  /** Once SLURM can be talked to. */
  readonly load: readonly JwksAction[];
}

/**
 * What to do with slurm.jwks at `wallTimeMs` (Unix ms). Unlike munge's key it is there in each step of a rotation before it has to
 * be, so nothing depends on when it is read; that it was read has to be known before the next step, and is written down last.
 */
export function planJwks({ text, atWork }: JwksSeen, keys: SlurmKeys, wallTimeMs: number): JwksPlan {
  const wished = renderJwks(keys, wallTimeMs);
  const { generation } = signingKeyAt(keys, wallTimeMs);
  const wishedAtWork = atWorkWithJwks(keys, wallTimeMs);
  const isWritten = text === wished;
  const isLoaded = isWritten && isDeepStrictEqual(atWork, wishedAtWork);
  return {
    write: isWritten ? [] : [{ kind: "write-jwks", generation, text: wished }],
    load: isLoaded ? [] : [{ kind: "load-jwks", generation, atWork: wishedAtWork }],
  };
}

function atWorkWithJwks(keys: SlurmKeys, wallTimeMs: number): KeysAtWork {
  const signing = signingKeyAt(keys, wallTimeMs);
  const others = [keys.current, ...(keys.next ? [keys.next] : [])].filter((key) => key !== signing);
  return { signing: keyDigest(signing.secret), others: others.map(({ secret }) => keyDigest(secret)) };
}
