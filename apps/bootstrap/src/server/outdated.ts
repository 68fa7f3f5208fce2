import { parseVersion, type KubernetesVersion } from "@cluster-os/kubernetes";

/**
 * Which nodes have a Kubernetes of an older minor version than the newest of the servers: kubeadm of such a machine refuses to join
 * their control plane (kubernetes.io, "Version Skew Policy"). `kubelets` are versions by the name of the node; of what is no version nothing is said.
 */
export function outdatedNodes(
  kubelets: ReadonlyMap<string, string>,
  servers: readonly string[],
): ReadonlySet<string> {
  const minorOf = ({ major, minor }: KubernetesVersion): number => major * 1000 + minor;
  const minors = new Map<string, number>();
  for (const [name, text] of kubelets) {
    const version = parseVersion(text);
    if (version) minors.set(name, minorOf(version));
  }
  const newest = Math.max(...servers.map((name) => minors.get(name) ?? -Infinity));
  return new Set([...minors].flatMap(([name, minor]) => (minor < newest ? [name] : [])));
}
