import type { SlurmKeys } from "@cluster-os/api";
import { toBase64 } from "@cluster-os/std";

/**
 * slurm.jwks of `auth: slurm`: all keys are believed, and the one marked as default signs - `next` from the instant of the
 * switch on. Nodes that read it some seconds apart still understand each other, which is the point of it. A secret.
 */
export function renderJwks({ current, next, switchAt }: SlurmKeys, nowMs: number): string {
  const isSwitched = next !== undefined && switchAt !== undefined && nowMs >= Date.parse(switchAt);
  const signing = isSwitched ? next : current;
  const keys = [current, ...(next ? [next] : [])].map((key) => ({
    alg: "HS256",
    kty: "oct",
    kid: `generation-${key.generation}`,
    k: toBase64(key.secret.subarray(0, 32)),
    ...(key === signing && { use: "default" }),
  }));
  return `${JSON.stringify({ keys }, undefined, 2)}\n`;
}
