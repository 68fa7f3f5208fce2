import { fromBase64, toBase64 } from "@cluster-os/std";
import { z } from "zod";
import type { PlainObject } from "../kubernetes-object.ts";
import { MANAGED_BY, NAMESPACE } from "../names.ts";
import { slurmKeysName } from "./names.ts";

/** One key that signs SLURM's messages. */
export interface SlurmKey {
  /** Counts from 1; each new key has the next one. */
  readonly generation: number;
  /** The key itself: munge's file, or the secret of a key of auth/slurm. Never in a log, an event or a status. */
  readonly secret: Uint8Array;
  /** When it was made, in RFC 3339. */
  readonly madeAt: string;
}

/**
 * The keys of a SlurmCluster. A new one is handed out as `next` first. When all have it, `switchAt` is set: from that
 * instant on, `next` signs. In the end it takes the place of `current`.
 */
export interface SlurmKeys {
  readonly current: SlurmKey;
  readonly next?: SlurmKey;
  /** In RFC 3339; only with `next`, which takes over then. */
  readonly switchAt?: string;
  /** Signs the tokens of SLURM's REST API; 32 bytes, for the controller's machine. With every new `current` there is a new one. */
  readonly jwt: Uint8Array;
  /** Value of the annotation that asked for the newest key, or for an earlier one; empty if none did. */
  readonly askedBy: string;
  /** Digest of the names of all nodes that had been revoked when the newest key was made. */
  readonly revocations: string;
}

/** The key that signs at `wallTimeMs` (Unix milliseconds): from the agreed instant on the next one, without one the current one. */
export function signingKeyAt({ current, next, switchAt }: SlurmKeys, wallTimeMs: number): SlurmKey {
  return next !== undefined && switchAt !== undefined && wallTimeMs >= Date.parse(switchAt) ? next : current;
}

const PREFIX = "cluster-os.dev/key-";
const annotation = (name: string): string => `${PREFIX}${name}`;

/** The Secret in which node-agents find them. */
export function slurmKeysObject(cluster: string, keys: SlurmKeys) {
  const { current, next, switchAt, jwt, askedBy, revocations } = keys;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: slurmKeysName(cluster),
      namespace: NAMESPACE,
      labels: MANAGED_BY,
      annotations: {
        [annotation("current")]: String(current.generation),
        [annotation("current-made-at")]: current.madeAt,
        ...(next && {
          [annotation("next")]: String(next.generation),
          [annotation("next-made-at")]: next.madeAt,
        }),
        ...(switchAt !== undefined && { [annotation("switch-at")]: switchAt }),
        [annotation("asked-by")]: askedBy,
        [annotation("revocations")]: revocations,
      },
    },
    type: "Opaque",
    data: {
      current: toBase64(current.secret),
      ...(next && { next: toBase64(next.secret) }),
      jwt: toBase64(jwt),
    },
  } satisfies PlainObject;
}

const Generation = z
  .string()
  .regex(/^[1-9][0-9]{0,8}$/)
  .transform(Number);
const Bytes = z.base64().transform(fromBase64);
const Key = Bytes.refine((bytes) => bytes.length >= 32);

const SecretShape = z.object({
  metadata: z.object({
    annotations: z.object({
      [annotation("current")]: Generation,
      [annotation("current-made-at")]: z.iso.datetime(),
      [annotation("next")]: Generation.optional(),
      [annotation("next-made-at")]: z.iso.datetime().optional(),
      [annotation("switch-at")]: z.iso.datetime().optional(),
      [annotation("asked-by")]: z.string().default(""),
      [annotation("revocations")]: z.string().default(""),
    }),
  }),
  data: z.object({ current: Key, next: Key.optional(), jwt: Key }),
});

/** What {@link slurmKeysObject} wrote; undefined if it cannot be read. No error, for it would have a key in its text. */
export function readSlurmKeys(secret: unknown): SlurmKeys | undefined {
  const { data: parsed } = SecretShape.safeParse(secret);
  if (!parsed) return undefined;
  const { annotations } = parsed.metadata;
  const { current, next, jwt } = parsed.data;
  const nextGeneration = annotations[annotation("next")] as number | undefined;
  const nextMadeAt = annotations[annotation("next-made-at")] as string | undefined;
  const switchAt = annotations[annotation("switch-at")] as string | undefined;
  const hasNext = next && nextGeneration !== undefined && nextMadeAt !== undefined;
  return {
    current: {
      generation: annotations[annotation("current")] as number,
      madeAt: annotations[annotation("current-made-at")] as string,
      secret: current,
    },
    ...(hasNext && { next: { generation: nextGeneration, madeAt: nextMadeAt, secret: next } }),
    ...(hasNext && switchAt !== undefined && { switchAt }),
    jwt,
    askedBy: annotations[annotation("asked-by")] as string,
    revocations: annotations[annotation("revocations")] as string,
  };
}
