import type { ImageDescription, ImageEntry } from "./image.ts";

/** Nodes pull nothing: the registry's name only has to be one that no resolver knows. */
export const REGISTRY = "registry.local";
const KUBERNETES_VERSION = "v1.34.4";

/** Programs that kubeadm's manifests and kube-proxy's DaemonSet name as the first word of their command. */
const PROGRAMS = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "etcd",
  "kubectl",
];

/**
 * All of Kubernetes in one image, under the five names kubeadm v1.34.4 asks for (`kubeadm config images list`). etcd's
 * tag is the one kubeadm expects; the program is the version of Kubernetes' own module graph.
 */
export function kubeImage(hyperkube: string, iptables: readonly ImageEntry[]): ImageDescription {
  return {
    name: "kube",
    references: [
      ...["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"].map(
        (name) => `${REGISTRY}/${name}:${KUBERNETES_VERSION}`,
      ),
      `${REGISTRY}/etcd:3.6.5-0`,
    ],
    entries: [
      { kind: "file", destination: "usr/local/bin/hyperkube", source: hyperkube, mode: 0o755 },
      ...PROGRAMS.map(
        (name) => ({ kind: "link", destination: `usr/local/bin/${name}`, target: "hyperkube" }) as const,
      ),
      { kind: "folder", destination: "tmp", mode: 0o1777 },
      { kind: "folder", destination: "run", mode: 0o755 },
      ...iptables,
    ],
  };
}

export function pauseImage(pause: string): ImageDescription {
  return single("pause", `${REGISTRY}/pause:3.10.1`, pause);
}

export function corednsImage(coredns: string): ImageDescription {
  return single("coredns", `${REGISTRY}/cluster-os/coredns:v1.14.3`, coredns);
}

export function probeImage(probe: string): ImageDescription {
  return single("probe", `${REGISTRY}/cluster-os/probe:1`, probe);
}

/** An image that is one static program. */
function single(name: string, reference: string, program: string): ImageDescription {
  return {
    name,
    references: [reference],
    entries: [{ kind: "file", destination: name, source: program, mode: 0o755 }],
    entrypoint: [`/${name}`],
  };
}
