import type {
  JoinCredentials,
  K3sServerCredentials,
  KubeadmServerCredentials,
  WorkerCredentials,
} from "../credentials.ts";
import { KubernetesError } from "../errors.ts";

interface Join {
  readonly nodeName: string;
  readonly credentials: JoinCredentials;
}

/** The credentials of a worker, if they are this distribution's. */
export function workerCredentials(
  { nodeName, credentials }: Join,
  distribution: WorkerCredentials["distribution"],
): WorkerCredentials {
  refuseOther(nodeName, credentials, distribution);
  if (credentials.role === "worker") return credentials;
  throw new KubernetesError(`${nodeName} has a server's credentials and was told to be a worker`);
}

export function kubeadmServerCredentials({ nodeName, credentials }: Join): KubeadmServerCredentials {
  refuseOther(nodeName, credentials, "kubeadm");
  if (credentials.role === "server" && credentials.distribution === "kubeadm") return credentials;
  throw new KubernetesError(`${nodeName} has a worker's credentials and was told to be a server`);
}

export function k3sServerCredentials({ nodeName, credentials }: Join): K3sServerCredentials {
  refuseOther(nodeName, credentials, "k3s");
  if (credentials.role === "server" && credentials.distribution === "k3s") return credentials;
  throw new KubernetesError(`${nodeName} has a worker's credentials and was told to be a server`);
}

function refuseOther(nodeName: string, credentials: JoinCredentials, own: "kubeadm" | "k3s"): void {
  if (credentials.distribution === own) return;
  throw new KubernetesError(
    `this cluster runs ${credentials.distribution}, and ${nodeName} has ${own}: install ` +
      `${credentials.distribution === "k3s" ? "cluster-os-k3s" : "cluster-os-kubernetes"} instead, or set ` +
      `"kubernetes: ${credentials.distribution}" in cluster-os.yaml`,
  );
}
