import type { ClusterNodeObject } from "@cluster-os/api";
import { CommandError, type Context } from "./command.ts";
import { observe, type Machine, type Observation } from "./site.ts";
import { isMember } from "./witness.ts";

/** Where kubeadm keeps the administrator's access; servers only. */
const ADMIN_KUBECONFIG = "/etc/kubernetes/admin.conf";

/** kubectl as the administrator, with these arguments. */
export function kubectlCommand(args: readonly string[]): readonly string[] {
  return ["kubectl", `--kubeconfig=${ADMIN_KUBECONFIG}`, ...args];
}

/** A machine that runs an API server and holds the administrator's access, if there is one. */
export function pickServer(
  machines: readonly Machine[],
  observations: readonly Observation[],
): Machine | undefined {
  const servers = observations.filter(
    ({ status }) => status?.role === "server" && status.kubernetes.state === "ready" && isMember(status),
  );
  return machines.find(({ name }) => name === servers[0]?.machine);
}

/** The same, or an error that says how things stand. */
export async function findServer(machines: readonly Machine[], context: Context): Promise<Machine> {
  const observations = await observe(machines);
  const server = pickServer(machines, observations);
  if (server !== undefined) return server;
  const [only] = observations;
  if (observations.length === 1 && only?.status?.role === "worker") {
    const names = only.status.controlPlane.voters.map(({ name }) => name).join(", ");
    throw new CommandError("this machine is a worker: it holds no administrator's access", {
      hint: `on a server: ${names}`,
    });
  }
  const silence = observations.length === 1 ? only?.silence : undefined;
  throw new CommandError(silence ?? "no machine serves the Kubernetes API at present", {
    hint: `${context.program} status`,
  });
}

/** All ClusterNodes; undefined while the API does not answer. */
export async function listClusterNodes(server: Machine): Promise<readonly ClusterNodeObject[] | undefined> {
  const { exitCode, stdout } = await server.capture(kubectlCommand(["get", "clusternodes", "--output=json"]));
  if (exitCode !== 0) return undefined;
  return (JSON.parse(stdout) as { readonly items: readonly ClusterNodeObject[] }).items;
}
