import {
  CoordinationV1Api,
  createConfiguration,
  CustomObjectsApi,
  KubeConfig,
  Observable,
  PatchStrategy,
  ServerConfiguration,
  type RequestContext,
  type ResponseContext,
  type SecurityAuthentication,
} from "@kubernetes/client-node";
import {
  AGENT_LEASE_SECONDS,
  agentLeaseName,
  CLUSTER_NODE_API_VERSION,
  ClusterNode,
  NAMESPACE,
  type ClusterNodeObject,
} from "@cluster-os/api";
import type { Credentials } from "../access.ts";
import { KubeError, type AgentKube, type SeenNode } from "../kube.ts";

/** Field manager of what node-agent applies; the servers' conditions have another. */
export const FIELD_MANAGER = "cluster-os-node-agent";

/** The Lease lives three times as long: a call that hangs costs one renewal, not the node. */
const CALL_TIMEOUT_MS = 4000;

/** Opens the API with a certificate in memory. */
export async function openKube(credentials: Credentials): Promise<AgentKube> {
  const { nodeName } = credentials;
  const connection = new Connection(kubeconfigOf(credentials));
  const nodes = new CustomObjectsApi(connection.configuration);
  const leases = new CoordinationV1Api(connection.configuration);
  const { group, version, plural } = ClusterNode;
  const node = { group, version, plural, name: nodeName };
  return {
    readNode: (signal) =>
      call(`read ClusterNode ${nodeName}`, async () =>
        seen(await nodes.getClusterCustomObject(node, connection.until(signal))),
      ),
    applyStatus: (status, signal) =>
      call(`apply the status of ClusterNode ${nodeName}`, async () => {
        const body = {
          apiVersion: CLUSTER_NODE_API_VERSION,
          kind: ClusterNode.kind,
          metadata: { name: nodeName },
          status,
        };
        const apply = { ...node, body, fieldManager: FIELD_MANAGER, force: true };
        return seen(
          await nodes.patchClusterCustomObjectStatus(
            apply,
            connection.until(signal, PatchStrategy.ServerSideApply),
          ),
        );
      }),
    renewLease: (wallTimeMs, signal) =>
      call(`renew Lease ${agentLeaseName(nodeName)}`, async () => {
        const renewTime = new Date(wallTimeMs).toISOString().replace("Z", "000Z");
        const spec = { holderIdentity: nodeName, leaseDurationSeconds: AGENT_LEASE_SECONDS, renewTime };
        const renewal = { name: agentLeaseName(nodeName), namespace: NAMESPACE, body: { spec } };
        await leases.patchNamespacedLease(renewal, connection.until(signal, PatchStrategy.MergePatch));
      }),
    close: () => connection.close(),
  };
}

function seen(object: unknown): SeenNode {
  const { metadata, status } = object as ClusterNodeObject;
  return { generation: metadata.generation ?? 0, status };
}

async function call<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw explain(what, error);
  }
}

/** The library's own message holds the whole answer with its headers; a line of a log wants the reason. */
function explain(what: string, error: unknown): KubeError {
  const { code, body } = error as { readonly code?: unknown; readonly body?: unknown };
  if (typeof code !== "number")
    return new KubeError(`cannot ${what}: the Kubernetes API was not reached`, undefined, { cause: error });
  const message = messageOf(body) ?? `HTTP ${code}`;
  return new KubeError(`cannot ${what}: ${message}`, code);
}

function messageOf(body: unknown): string | undefined {
  try {
    const status: unknown = typeof body === "string" ? JSON.parse(body) : body;
    return (status as { readonly message?: string } | undefined)?.message;
  } catch {
    return undefined;
  }
}

function kubeconfigOf({ server, caPem, certificatePem, keyPem, nodeName }: Credentials): KubeConfig {
  const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: "cluster", server, caData: base64(caPem) }],
    users: [{ name: nodeName, certData: base64(certificatePem), keyData: base64(keyPem) }],
    contexts: [{ name: "cluster", cluster: "cluster", user: nodeName }],
    currentContext: "cluster",
  });
  return config;
}

/**
 * One connection for all calls. The library makes a new dispatcher, and with it a new TLS session, for every request;
 * this keeps the first one.
 */
class Connection implements SecurityAuthentication {
  readonly configuration: ReturnType<typeof createConfiguration>;
  readonly #config: KubeConfig;
  #dispatcher: ReturnType<RequestContext["getDispatcher"]>;

  constructor(config: KubeConfig) {
    this.#config = config;
    const server = config.getCurrentCluster()?.server ?? "";
    this.configuration = createConfiguration({
      baseServer: new ServerConfiguration(server, {}),
      authMethods: { default: this },
    });
  }

  getName(): string {
    return "client certificate";
  }

  async applySecurityAuthentication(context: RequestContext): Promise<void> {
    if (!this.#dispatcher) {
      await this.#config.applySecurityAuthentication(context);
      this.#dispatcher = context.getDispatcher();
    } else {
      context.setDispatcher(this.#dispatcher);
    }
  }

  /** Options of one call that ends with `signal`, or after a while. */
  until(signal: AbortSignal, contentType?: PatchStrategy) {
    const ends = AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
    const middleware = {
      pre: (context: RequestContext) => {
        context.setSignal(ends);
        if (contentType !== undefined) context.setHeaderParam("Content-Type", contentType);
        return new Observable(Promise.resolve(context));
      },
      post: (answer: ResponseContext) => new Observable(Promise.resolve(answer)),
    };
    return { middleware: [middleware], middlewareMergeStrategy: "append" as const };
  }

  async close(): Promise<void> {
    await this.#dispatcher?.destroy();
    this.#dispatcher = undefined;
  }
}
