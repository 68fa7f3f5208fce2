/** The tag of the first image that a pod's manifest names, for example "v1.34.4"; undefined if it names none. */
export function imageTag(manifest: string): string | undefined {
  return /^[\s-]*image: \S+:(\S+)$/m.exec(manifest)?.[1];
}

/** A version of Kubernetes, `vMAJOR.MINOR.PATCH`, of k3s with `+k3sREVISION`. */
export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Of k3s, which brings several of one Kubernetes; 0 elsewhere. */
  readonly revision: number;
}

/** Undefined of what is no such version. What else follows the patch ("-rc.1") does not count. */
export function parseVersion(text: string): KubernetesVersion | undefined {
  const found = /^v(\d+)\.(\d+)\.(\d+)(?:\+k3s(\d+)|[-+].*)?$/.exec(text);
  if (!found) return undefined;
  const [major = 0, minor = 0, patch = 0, revision = 0] = found.slice(1).map((number) => Number(number ?? 0));
  return { major, minor, patch, revision };
}

/** Negative when `left` is older, 0 when both are the same. What is no version is older than all that are. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parseVersion(left), parseVersion(right)];
  if (!a || !b) return Number(a !== undefined) - Number(b !== undefined);
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || a.revision - b.revision;
}
