/** A version of Kubernetes, `vMAJOR.MINOR.PATCH`. */
export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Undefined of what is no such version. What follows the patch ("+k3s1", "-rc.1") does not count. */
export function parseVersion(text: string): KubernetesVersion | undefined {
  const found = /^v(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(text);
  if (!found) return undefined;
  const [major = 0, minor = 0, patch = 0] = found.slice(1).map(Number);
  return { major, minor, patch };
}

/** Negative when `left` is older, 0 when both are the same. What is no version is older than all that are. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parseVersion(left), parseVersion(right)];
  if (!a || !b) return Number(a !== undefined) - Number(b !== undefined);
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

/**
 * Why nodes that run `present` must not be brought to `wanted`; undefined where they may. Kubernetes takes one minor version at a
 * time, and never goes back (https://kubernetes.io/releases/version-skew-policy/).
 */
export function refuseVersion(wanted: string, present: readonly string[]): string | undefined {
  const to = parseVersion(wanted);
  if (!to) return `"${wanted}" is no version of Kubernetes`;
  for (const version of present) {
    const from = parseVersion(version);
    if (!from) return `a node says that it runs "${version}", which is no version of Kubernetes`;
    const next = `v${from.major}.${from.minor + 1}`;
    if (compareVersions(version, wanted) > 0)
      return `${version} runs already, and Kubernetes does not go back to ${wanted}`;
    if (to.major !== from.major || to.minor > from.minor + 1)
      return `${version} runs, and Kubernetes takes one minor version at a time: first a package with ${next}`;
  }
  return undefined;
}
