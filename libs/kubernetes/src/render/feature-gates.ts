import { parse, stringify } from "yaml";
import { z } from "zod";
import { compareVersions } from "../plan/versions.ts";

/**
 * kubeadm's gates that are not left as they come, and from which version on they cannot be set any more. A joining server's kubelet
 * gets its certificate through the balancer; with its own API server, which does not run yet, as the only endpoint
 * (`ControlPlaneKubeletLocalMode`), its first requests fail and it backs off for ten seconds.
 */
const GATES = [{ name: "ControlPlaneKubeletLocalMode", value: false, lockedFrom: "v1.35.0" }] as const;

/** `featureGates` of a ClusterConfiguration for kubeadm of this version. */
export function featureGates(version: string): Readonly<Record<string, boolean>> {
  const settable = GATES.filter(({ lockedFrom }) => compareVersions(version, lockedFrom) < 0);
  return Object.fromEntries(settable.map(({ name, value }) => [name, value]));
}

const WithGates = z.looseObject({ featureGates: z.record(z.string(), z.boolean()).optional() });

/**
 * A ClusterConfiguration as kubeadm of this version may find it: without those of our gates that it has locked, for it refuses one
 * that it does not know any more. What is not ours is left; undefined where nothing is to be changed.
 */
export function withoutLockedGates(configuration: string, version: string): string | undefined {
  const { featureGates: gates = {}, ...rest } = WithGates.parse(parse(configuration));
  const settable = featureGates(version);
  const isLocked = (gate: string): boolean => GATES.some(({ name }) => name === gate) && !(gate in settable);
  const kept = Object.entries(gates).filter(([gate]) => !isLocked(gate));
  if (kept.length === Object.keys(gates).length) return undefined;
  return stringify({ ...rest, ...(kept.length > 0 && { featureGates: Object.fromEntries(kept) }) });
}
