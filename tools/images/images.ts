import type { ImageDescription, ImageEntry } from "./image.ts";

/** Nodes pull nothing: the registry's name only has to be one that no resolver knows. */
export const REGISTRY = "registry.local";

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
 * What of the images that `kubeadm config images list` prints is the one program. etcd's tag is the one kubeadm expects; the
 * program is the version of Kubernetes' own module graph. Throws if one is missing.
 */
export function kubeReferences(listed: string): readonly string[] {
  const references = listed.trim().split("\n");
  return ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd"].map((name) => {
    const found = references.find((reference) => reference.startsWith(`${REGISTRY}/${name}:`));
    if (found === undefined) throw new Error(`kubeadm lists no image of ${name}: ${references.join(" ")}`);
    return found;
  });
}

/** All of Kubernetes in one image, under the five names that kubeadm asks for. */
export function kubeImage(
  hyperkube: string,
  references: readonly string[],
  iptables: readonly ImageEntry[],
): ImageDescription {
  return {
    name: "kube",
    references,
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
