/** The distributions there are, in the order of preference where several are installed. */
export const DISTRIBUTIONS = ["kubeadm", "k3s"] as const;
export type DistributionName = (typeof DISTRIBUTIONS)[number];

/** The package that brings a distribution, and the program it is known by. */
export const PROVIDERS: Readonly<
  Record<DistributionName, { readonly package: string; readonly program: string }>
> = {
  kubeadm: { package: "cluster-os-kubernetes", program: "/usr/bin/kubeadm" },
  k3s: { package: "cluster-os-k3s", program: "/usr/bin/k3s" },
};

/** What this machine was told to run is not on it. */
export class NoDistributionError extends Error {
  override readonly name = "NoDistributionError";
}

/**
 * What runs Kubernetes on this machine: what it was told, or else what is installed. With neither it is kubeadm, which may
 * still be installed: the machine is a member of the mesh meanwhile.
 */
export function chooseDistribution(
  wanted: DistributionName | undefined,
  installed: ReadonlySet<DistributionName>,
): DistributionName {
  if (wanted !== undefined) {
    if (installed.has(wanted)) return wanted;
    const { package: name, program } = PROVIDERS[wanted];
    throw new NoDistributionError(
      `cluster-os.yaml says "kubernetes: ${wanted}", but there is no ${program} here: install the package ${name}`,
    );
  }
  return DISTRIBUTIONS.find((name) => installed.has(name)) ?? DISTRIBUTIONS[0];
}
