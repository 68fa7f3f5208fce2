import { compareVersions, parseVersion } from "@cluster-os/kubernetes";

/** A node, and the Kubernetes that it says it runs. */
export interface Running {
  readonly name: string;
  readonly version: string;
}

/**
 * Why nodes must not be brought to `wanted`; undefined where they may. Kubernetes takes one minor version at a time, and never goes back
 * (https://kubernetes.io/releases/version-skew-policy/).
 */
export function refuseVersion(wanted: string, present: readonly Running[]): string | undefined {
  const to = parseVersion(wanted);
  if (!to) return `"${wanted}" is no version of Kubernetes`;
  for (const { name, version } of present) {
    const from = parseVersion(version);
    if (!from) return `${name} says that it runs "${version}", which is no version of Kubernetes`;
    const next = `v${from.major}.${from.minor + 1}`;
    if (compareVersions(version, wanted) > 0)
      return `${version} runs on ${name} already, and Kubernetes does not go back to ${wanted}`;
    if (to.major !== from.major || to.minor > from.minor + 1)
      return `${version} runs on ${name}, and Kubernetes takes one minor version at a time: first a package with ${next}`;
  }
  return undefined;
}
