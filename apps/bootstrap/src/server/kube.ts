import type {
  KubeConfig,
  KubernetesObject,
  RequestContext,
  V1CertificateSigningRequest,
} from "@kubernetes/client-node";

/** The few verbs the servers' bootstrap needs of the Kubernetes API. Every method is safe to repeat. */
export interface Kube {
  /** Creates an object; says "exists" when one of that name is there already. Atomic: of several callers one creates. */
  create(object: KubernetesObject): Promise<"created" | "exists">;
  /** Replaces an object at the resourceVersion it was read at; "conflict" when somebody was faster. */
  replace(object: KubernetesObject): Promise<"replaced" | "conflict">;
  /** Server-side apply of the fields in `object`, as field manager cluster-os-bootstrap. */
  apply(object: KubernetesObject): Promise<void>;
  /** Server-side apply on the status of a cluster-scoped resource of group cluster-os.dev. */
  applyStatus(plural: string, object: KubernetesObject): Promise<void>;
  get<T extends KubernetesObject>(ref: ObjectRef): Promise<T | undefined>;
  list<T extends KubernetesObject>(
    apiVersion: string,
    kind: string,
    namespace?: string,
  ): Promise<readonly T[]>;
  /** Marks a certificate signing request as approved; the controller-manager then signs it. */
  approve(request: V1CertificateSigningRequest, reason: string): Promise<void>;
  delete(ref: ObjectRef): Promise<void>;
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export const FIELD_MANAGER = "cluster-os-bootstrap";

/**
 * Opens the API with the identity in `kubeconfigPath`. The client library is loaded here and not before, because it
 * costs 40 MB of memory that workers need not pay.
 */
export async function openKube(kubeconfigPath: string): Promise<Kube> {
  const library = await import("@kubernetes/client-node");
  const config = new library.KubeConfig();
  config.loadFromFile(kubeconfigPath);
  reuseConnection(config);
  const objects = library.KubernetesObjectApi.makeApiClient(config);
  const custom = config.makeApiClient(library.CustomObjectsApi);
  const certificates = config.makeApiClient(library.CertificatesV1Api);
  const { ServerSideApply } = library.PatchStrategy;
  return {
    create: (object) =>
      objects.create(object).then(
        () => "created",
        (error: unknown) => when(error, 409, "exists"),
      ),
    replace: (object) =>
      objects.replace(object).then(
        () => "replaced",
        (error: unknown) => when(error, 409, "conflict"),
      ),
    apply: async (object) => {
      if (object.kind !== "CustomResourceDefinition") {
        await objects.patch(object, undefined, undefined, FIELD_MANAGER, true, ServerSideApply);
        return;
      }
      // The library's model of a schema drops `x-kubernetes-*`, which says whose list entries are whose: sent as it stands.
      await custom.patchClusterCustomObject(
        {
          group: "apiextensions.k8s.io",
          version: "v1",
          plural: "customresourcedefinitions",
          name: object.metadata?.name ?? "",
          body: object,
          fieldManager: FIELD_MANAGER,
          force: true,
        },
        library.setHeaderOptions("Content-Type", ServerSideApply),
      );
    },
    applyStatus: async (plural, object) => {
      const [group, version] = (object.apiVersion ?? "").split("/") as [string, string];
      await custom.patchClusterCustomObjectStatus(
        {
          group,
          version,
          plural,
          name: object.metadata?.name ?? "",
          body: object,
          fieldManager: FIELD_MANAGER,
          force: true,
        },
        library.setHeaderOptions("Content-Type", ServerSideApply),
      );
    },
    get: <T extends KubernetesObject>(ref: ObjectRef) =>
      objects.read<T>(ref as never).catch((error: unknown) => when(error, 404, undefined)),
    list: async <T extends KubernetesObject>(apiVersion: string, kind: string, namespace?: string) =>
      (await objects.list<T>(apiVersion, kind, namespace)).items,
    approve: async (request, reason) => {
      const condition = {
        type: "Approved",
        status: "True",
        reason,
        message: "approved against the admission record",
      };
      const body = { ...request, status: { ...request.status, conditions: [condition] } };
      const name = request.metadata?.name ?? "";
      await certificates.replaceCertificateSigningRequestApproval({ name, body });
    },
    delete: async (ref) => {
      await objects.delete(ref as KubernetesObject).catch((error: unknown) => when(error, 404, undefined));
    },
  };
}

/**
 * The library makes a new dispatcher, and with it a new TLS session, for every request; this keeps the first one. It
 * connects anew by itself when the balancer moves it to another server.
 */
function reuseConnection(config: KubeConfig): void {
  const authenticate = config.applySecurityAuthentication.bind(config);
  let dispatcher: ReturnType<RequestContext["getDispatcher"]>;
  config.applySecurityAuthentication = async (context) => {
    if (dispatcher) return context.setDispatcher(dispatcher);
    await authenticate(context);
    dispatcher = context.getDispatcher();
  };
}

/** `value` if the API answered with `code`; the error itself otherwise. */
function when<T>(error: unknown, code: number, value: T): T {
  if ((error as { code?: unknown }).code === code) return value;
  throw error;
}
