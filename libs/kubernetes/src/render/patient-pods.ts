/** The variable that tells a program in a pod how slow the machines are, in charts and in what bootstrap installs from them. */
export const PATIENCE_VARIABLE = "CLUSTER_OS_PATIENCE";

interface Probe {
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
}

interface Container {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
}

interface Workload {
  readonly kind?: string;
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } } };
}

/** What the API server fills in (Probe in core/v1). */
const DEFAULT_PERIOD_S = 10;
const DEFAULT_TIMEOUT_S = 1;

/**
 * Kubernetes objects for machines that are `patience` times slower than usual: pods of Deployments and DaemonSets get that much
 * more time to answer their probes, which are made that much less often, and those that ask for it are told by
 * {@link PATIENCE_VARIABLE}. Everything else is as it was.
 */
export function patientPods<T extends object>(objects: readonly T[], patience: number): readonly T[] {
  if (patience === 1) return objects;
  return objects.map((object) => {
    const { kind, spec } = object as Workload;
    const containers = spec?.template?.spec?.containers;
    if (!containers || (kind !== "Deployment" && kind !== "DaemonSet")) return object;
    const pod = {
      ...spec.template?.spec,
      containers: containers.map((one) => patientContainer(one, patience)),
    };
    return { ...object, spec: { ...spec, template: { ...spec.template, spec: pod } } };
  });
}

function patientContainer(container: Container, patience: number): Container {
  const { env, livenessProbe, readinessProbe, startupProbe } = container;
  return {
    ...container,
    ...(env && {
      env: env.map((one) => (one.name === PATIENCE_VARIABLE ? { ...one, value: String(patience) } : one)),
    }),
    ...(livenessProbe && { livenessProbe: patientProbe(livenessProbe, patience) }),
    ...(readinessProbe && { readinessProbe: patientProbe(readinessProbe, patience) }),
    ...(startupProbe && { startupProbe: patientProbe(startupProbe, patience) }),
  };
}

/** Whole seconds, as the API wants them. */
function patientProbe(probe: Probe, patience: number): Probe {
  return {
    ...probe,
    periodSeconds: Math.ceil((probe.periodSeconds ?? DEFAULT_PERIOD_S) * patience),
    timeoutSeconds: Math.ceil((probe.timeoutSeconds ?? DEFAULT_TIMEOUT_S) * patience),
  };
}
