import type { NodePlacement } from "../distribution.ts";
import type { MachineFacts } from "../machine.ts";

/**
 * kubeadm's patches of this one machine, by file name. What differs between machines must not reach the cluster-wide
 * ConfigMaps: a machine with control groups v1 would pass its settings on to all.
 */
export function renderPatches(
  placement: NodePlacement,
  machine: MachineFacts,
  patience = 1,
): Readonly<Record<string, string>> {
  return {
    "kube-apiserver0+json.json": json([
      { op: "add", path: "/spec/containers/0/command/-", value: `--bind-address=${placement.meshAddress}` },
    ]),
    "kubeletconfiguration0+merge.json": json({
      address: placement.meshAddress,
      cgroupDriver: machine.cgroupVersion === 2 ? "systemd" : "cgroupfs",
      // False has to be said from Kubernetes 1.35 on; on control groups v2 the strict default stays.
      ...(machine.cgroupVersion === 1 && { failCgroupV1: false }),
      // Without the file the kubelet would refuse every pod that asks for the machine's own name servers.
      ...(!machine.hasResolvConf && { resolvConf: "" }),
    }),
    ...renderStaticPods(patience),
  };
}

/** The probes that kubeadm gives to each static pod; its startup probe follows from its own time-outs. */
const PROBES = {
  etcd: ["livenessProbe", "readinessProbe", "startupProbe"],
  "kube-apiserver": ["livenessProbe", "readinessProbe", "startupProbe"],
  "kube-controller-manager": ["livenessProbe", "startupProbe"],
  "kube-scheduler": ["livenessProbe", "readinessProbe", "startupProbe"],
} as const;
type Component = keyof typeof PROBES;

/**
 * Processor time is shared out by what pods ask for where there is not enough of it, and kubeadm has etcd ask for the least of
 * all (100m of 650m). But everything waits for etcd: kept waiting itself, it makes the controllers lose their leases, and
 * each of those that starts anew takes more of what is missing. The sum is kubeadm's own.
 */
const CPU: Readonly<Record<Component, string>> = {
  etcd: "300m",
  "kube-apiserver": "250m",
  "kube-controller-manager": "70m",
  "kube-scheduler": "30m",
};

function renderStaticPods(patience: number): Readonly<Record<string, string>> {
  const components = Object.keys(PROBES) as readonly Component[];
  return Object.fromEntries(
    components.map((name) => {
      const container = {
        name,
        resources: { requests: { cpu: CPU[name] } },
        ...(patience > 1 && patientProbes(name, patience)),
      };
      return [`${name}1+strategic.json`, json({ spec: { containers: [container] } })];
    }),
  );
}

/** kubeadm's own: eight answers missed, each for 15 s, and the kubelet restarts the pod. */
const PROBE_TIMEOUT_S = 15;
const PROBE_PERIOD_S = { livenessProbe: 10, readinessProbe: 1 } as const;

/**
 * Patience with static pods: on a slow machine an API server that is busy starting misses its probes, is restarted, and
 * begins anew for ever; and a probe a second is a good part of what it has to do.
 */
function patientProbes(component: Component, patience: number): object {
  return Object.fromEntries(
    PROBES[component].map((probe) => [
      probe,
      {
        timeoutSeconds: Math.round(PROBE_TIMEOUT_S * patience),
        // Whether it has started is still looked at as often: that costs nothing later.
        ...(probe !== "startupProbe" && { periodSeconds: Math.round(PROBE_PERIOD_S[probe] * patience) }),
      },
    ]),
  );
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
