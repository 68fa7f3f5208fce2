import type { ResourceDefinition } from "@cluster-os/api";
import type { AnyObject, KubeObject, ObjectName } from "./object.ts";
import type {
  CertificateSigningRequest,
  ConfigMap,
  EndpointSlice,
  Event,
  Lease,
  Node,
  Secret,
} from "./well-known.ts";

/** A kind of object and where the API serves it. `T` is the type of its objects. */
export interface Resource<T extends KubeObject = AnyObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never there: it only carries the type. */
  readonly objectType?: T;
}

/** The resource of a custom resource's definition. */
export function resourceOfDefinition<T extends KubeObject = AnyObject>(
  definition: Pick<ResourceDefinition, "group" | "version" | "kind" | "plural" | "scope">,
): Resource<T> {
  const { group, version, kind, plural, scope } = definition;
  return { group, version, kind, plural, namespaced: scope === "Namespaced" };
}

const clustered = <T extends KubeObject = AnyObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
): Resource<T> => ({
  group,
  version,
  kind,
  plural,
  namespaced: false,
});
const namespaced = <T extends KubeObject = AnyObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
): Resource<T> => ({ group, version, kind, plural, namespaced: true });

const RBAC = "rbac.authorization.k8s.io";
const ADMISSION = "admissionregistration.k8s.io";

/** Kubernetes' own resources that something here reads or writes. */
export const RESOURCES = {
  namespace: clustered("", "v1", "Namespace", "namespaces"),
  node: clustered<Node>("", "v1", "Node", "nodes"),
  pod: namespaced("", "v1", "Pod", "pods"),
  service: namespaced("", "v1", "Service", "services"),
  serviceAccount: namespaced("", "v1", "ServiceAccount", "serviceaccounts"),
  configMap: namespaced<ConfigMap>("", "v1", "ConfigMap", "configmaps"),
  secret: namespaced<Secret>("", "v1", "Secret", "secrets"),
  endpointSlice: namespaced<EndpointSlice>("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
  deployment: namespaced("apps", "v1", "Deployment", "deployments"),
  daemonSet: namespaced("apps", "v1", "DaemonSet", "daemonsets"),
  statefulSet: namespaced("apps", "v1", "StatefulSet", "statefulsets"),
  job: namespaced("batch", "v1", "Job", "jobs"),
  podDisruptionBudget: namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  networkPolicy: namespaced("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
  lease: namespaced<Lease>("coordination.k8s.io", "v1", "Lease", "leases"),
  event: namespaced<Event>("events.k8s.io", "v1", "Event", "events"),
  role: namespaced(RBAC, "v1", "Role", "roles"),
  roleBinding: namespaced(RBAC, "v1", "RoleBinding", "rolebindings"),
  clusterRole: clustered(RBAC, "v1", "ClusterRole", "clusterroles"),
  clusterRoleBinding: clustered(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings"),
  certificateSigningRequest: clustered<CertificateSigningRequest>(
    "certificates.k8s.io",
    "v1",
    "CertificateSigningRequest",
    "certificatesigningrequests",
  ),
  customResourceDefinition: clustered(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
  ),
  admissionPolicy: clustered(ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
  admissionPolicyBinding: clustered(
    ADMISSION,
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
  ),
} as const;

/** "apps/v1", or "v1" for the core group: the apiVersion of a resource's objects. */
export function apiVersionOf({ group, version }: Pick<Resource, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}

/**
 * The resource of an object, among {@link RESOURCES} and `others`. Kinds have no rule for their plural, so one that is
 * in neither is an error.
 */
export function resourceOf(
  object: Pick<KubeObject, "apiVersion" | "kind">,
  others: readonly Resource<KubeObject>[] = [],
): Resource<KubeObject> {
  const isOf = (resource: Resource<KubeObject>): boolean =>
    resource.kind === object.kind && apiVersionOf(resource) === object.apiVersion;
  const resource = [...others, ...Object.values(RESOURCES)].find(isOf);
  if (resource === undefined)
    throw new RangeError(
      `no resource is known for ${object.apiVersion} ${object.kind}: add it to RESOURCES, or give it with the object`,
    );
  return resource;
}

/**
 * Path of a resource's collection, of one object, or of a part of it: `/apis/apps/v1/namespaces/a/deployments/b/status`.
 * Without a namespace, the collection of a namespaced resource is that of all namespaces.
 */
export function pathOf(
  resource: Resource<KubeObject>,
  object: Partial<ObjectName> = {},
  subresource?: string,
): string {
  const { name, namespace } = object;
  if (name !== undefined && resource.namespaced && namespace === undefined)
    throw new RangeError(`${resource.kind} ${name}: its namespace is missing`);
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${apiVersionOf(resource)}`;
  const parts = [
    ...(resource.namespaced && namespace !== undefined ? ["namespaces", segment(namespace)] : []),
    resource.plural,
    ...(name === undefined ? [] : [segment(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return [root, ...parts].join("/");
}

/** A name as one segment of a path. Kubernetes allows colons in some names and no slash in any. */
function segment(name: string): string {
  if (name === "" || name === "." || name === ".." || name.includes("/"))
    throw new RangeError(`"${name}" is not a name of an object`);
  return encodeURIComponent(name);
}
