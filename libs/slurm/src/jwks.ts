import { signingKeyAt, type SlurmKeys } from "@cluster-os/api";
import { toBase64 } from "@cluster-os/std";

/** HS256 takes as many; the rest of a secret is munge's alone. */
const KEY_BYTES = 32;

/**
 * slurm.jwks of `auth: slurm` at `wallTimeMs` (Unix milliseconds): all keys are believed, and the one marked as default signs -
 * `next` from the instant of the switch on. Nodes that read it some seconds apart still understand each other, which is the
 * point of it. A secret.
 */
export function renderJwks(wished: SlurmKeys, wallTimeMs: number): string {
  const { current, next } = wished;
  const signing = signingKeyAt(wished, wallTimeMs);
  const keys = [current, ...(next ? [next] : [])].map((key) => ({
    alg: "HS256",
    kty: "oct",
    kid: `generation-${key.generation}`,
    k: toBase64(key.secret.subarray(0, KEY_BYTES)),
    ...(key === signing && { use: "default" }),
  }));
  return `${JSON.stringify({ keys }, undefined, 2)}\n`;
}
