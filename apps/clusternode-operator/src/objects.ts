import type { KubeObject } from "@cluster-os/kube";

/** A taint of a Kubernetes Node. Key and effect together name it. */
export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  readonly timeAdded?: string;
}

/** Kubernetes' own object for a machine, as far as the operator looks at it. */
export interface KubernetesNode extends KubeObject {
  readonly spec?: {
    readonly unschedulable?: boolean;
    readonly taints?: readonly Taint[];
  };
}
