import type { JoinCredentials } from "./credentials.ts";
import type { CertificateState } from "./plan/certificates.ts";

/** A control-plane server as clients reach it: by its node name and its address in the mesh. */
export interface ServerAddress {
  readonly nodeName: string;
  /** IPv4 address in the mesh, without prefix length. */
  readonly address: string;
}

/** The cluster's three networks as CIDRs, fixed at genesis. */
export interface NetworkPlan {
  readonly mesh: string;
  readonly pods: string;
  readonly services: string;
}

/** What Kubernetes has to know of the machine it runs on: all of it follows from the admission record. */
export interface NodePlacement {
  /** Kubernetes node name, `n-xxxxxxxxxx`. */
  readonly nodeName: string;
  /** The node's index in the cluster, 1 or more. */
  readonly index: number;
  /** This machine's IPv4 address in the mesh: etcd, API server and kubelet listen there and nowhere else. */
  readonly meshAddress: string;
  /** The node's own pod network, a CIDR inside the plan's pods. */
  readonly podNetwork: string;
  /** MTU of the mesh interface in bytes. Pods get the same, so that no packet is fragmented on its way. */
  readonly meshMtu: number;
  readonly addressPlan: NetworkPlan;
  /** The servers that the local balancer starts with. May be empty for the machine that initialises. */
  readonly servers: readonly ServerAddress[];
}

/** What the balancer of a machine is told. */
export type BalancerPlacement = Pick<NodePlacement, "meshAddress" | "podNetwork" | "servers">;

export type InitServerRequest = NodePlacement;

export interface JoinServerRequest extends NodePlacement {
  /** Must be of role "server". */
  readonly credentials: JoinCredentials;
}

export interface JoinWorkerRequest extends NodePlacement {
  readonly credentials: JoinCredentials;
}

export interface EtcdMemberStatus {
  /** Node name of the member's machine; empty while the member has not started for the first time. */
  readonly name: string;
  readonly isLearner: boolean;
  /** IPv4 address at which the others reach it: what a member without a name is known by. */
  readonly address: string;
  /** Whether it answered a status request within a second. */
  readonly healthy: boolean;
}

/** Versions of Kubernetes on one machine, for example "v1.34.4" (of k3s: "v1.34.3+k3s1"). */
export interface KubernetesVersions {
  /** What the package brings. What runs is another one until {@link Distribution.upgrade}. */
  readonly installed: string;
  /** On a server: of its control plane, the earliest while an upgrade of that is under way. */
  readonly controlPlane: string | undefined;
  /** Of the kubelet; undefined before there is one. */
  readonly kubelet: string | undefined;
}

/** What of a machine is upgraded at once. A worker has no control plane, and is through with that. */
export type UpgradePart = "control-plane" | "kubelet";

export interface KubernetesStatus {
  /** What this machine was made to be, judged by what lies on its disk; it need not run. */
  readonly kind: "none" | "worker" | "server";
  readonly kubeletActive: boolean;
  /** On a server: its own API server says it is ready. On a worker: some server answers through the local balancer. */
  readonly apiReady: boolean;
  /** Members of etcd as this server sees them. Empty on workers, and while etcd does not answer. */
  readonly etcdMembers: readonly EtcdMemberStatus[];
  /** Node name of etcd's leader, as far as this server knows one. */
  readonly leader: string | undefined;
}

/**
 * What the certificate of a kubelet is like:
 *
 * - good: the kubelet renews it by itself;
 * - ended: nobody believes it any more, since the machine was off when it had to be renewed, so it cannot be renewed either;
 * - asking: it has ended, and the kubelet has what it asks for another one with;
 * - granted: there is another one, and it still has that.
 */
export type KubeletAccess = "good" | "ended" | "asking" | "granted";

/** A server that is part of the cluster needs no credentials: it makes its own. */
export type ReadmissionRequest = NodePlacement & { readonly credentials?: JoinCredentials };

/** A client certificate of the cluster's CA, to be written as a kubeconfig. */
export interface KubeconfigRequest {
  readonly commonName: string;
  /** Groups of the user, as certificate organizations. */
  readonly organizations: readonly string[];
  readonly validityHours: number;
  /** Where the kubeconfig goes (mode 0600). */
  readonly path: string;
}

/** What etcd is made anew from: its own data on this machine, or a snapshot as etcd's maintenance API gives it. */
export type RestoreSource = { readonly kind: "own" } | { readonly kind: "snapshot"; readonly path: string };

export interface RestoreRequest {
  /** One restoration has one: asked for again under the same, what was cut off goes on, and what is through stays. */
  readonly id: string;
  readonly source: RestoreSource;
}

/**
 * Makes this machine the Kubernetes server or worker it was elected to be, and unmakes it. The implementation knows
 * the distribution; nobody above it does.
 *
 * Acts change the machine and must not overlap: the caller runs one at a time, and at most one act that changes the set
 * of etcd's members at a time in the whole cluster. Each act is bounded in time and throws {@link KubernetesError},
 * which names the step that failed and the log that tells why. A failed first act (init or join) is not resumed: the
 * caller runs {@link reset} and begins again.
 */
export interface Distribution {
  /** "kubeadm" or "k3s". */
  readonly name: string;
  /** The Debian package that brings it. */
  readonly package: string;

  /**
   * Starts what needs to know nothing of the cluster: the container runtime, and the import of the images that the
   * package brought. Called as soon as the machine is up, so that it happens while the machines still find each other.
   * Every act includes it. Repeating it costs nothing.
   */
  prepare(signal: AbortSignal): Promise<void>;
  /** Makes this machine the first server of a new cluster, cluster DNS included. */
  initServer(request: InitServerRequest, signal: AbortSignal): Promise<void>;
  /** Makes this machine, which runs nothing of Kubernetes yet, a further server: a voter of etcd when it returns. */
  joinServer(request: JoinServerRequest, signal: AbortSignal): Promise<void>;
  /** Makes this machine, which runs nothing of Kubernetes yet, a worker. */
  joinWorker(request: JoinWorkerRequest, signal: AbortSignal): Promise<void>;
  /** Brings up again, after a reboot and a changed placement too, what this machine already is. Idempotent. */
  resume(placement: NodePlacement, signal: AbortSignal): Promise<void>;
  /** Makes this worker a server in place: its pods keep running. */
  promote(request: JoinServerRequest, signal: AbortSignal): Promise<void>;
  /** Makes this server a worker in place: its other pods keep running. Refused for the last member of etcd. */
  demote(signal: AbortSignal): Promise<void>;
  /**
   * On a ready server: removes another machine that is gone for good - its etcd member first, then its Node and the
   * pods bound to it. Repeating it does no harm, and neither does a machine that was only a worker.
   */
  removeMember(nodeName: string, signal: AbortSignal): Promise<void>;
  /** On a ready server: removes another machine's member of etcd, and leaves its Node and its pods as they are. */
  removeVoter(nodeName: string, signal: AbortSignal): Promise<void>;
  /**
   * Takes this machine's control plane out of use without asking the cluster: it ends, and its data and keys are moved
   * where nothing reads them. {@link status} says what is left: a worker, or nothing, which then has to join anew.
   * Only for a machine whose member of etcd is removed. Repeating it does no harm.
   */
  setAside(signal: AbortSignal): Promise<void>;
  /** On a server: writes all that is in etcd into a file (mode 0600), with the hash by which it is checked. */
  snapshot(path: string, signal: AbortSignal): Promise<void>;
  /**
   * On a server whose etcd has lost its majority for good: etcd begins anew with this member alone, and the API with it.
   * Revisions are raised and what was before them is compacted, so that nobody who watched goes on as if nothing had
   * happened. What was there is moved aside. Repeating it under the same ID does no harm.
   */
  restore(request: RestoreRequest, signal: AbortSignal): Promise<void>;
  /**
   * Tells the local balancer which servers there are. An unchanged list touches nothing; a changed one refuses nobody,
   * but connections older than the change are closed three seconds later, and clients open them again.
   */
  setServers(placement: BalancerPlacement): Promise<void>;
  /** On a ready server: credentials minted for one join of another machine, good for fifteen minutes. */
  credentials(role: "server" | "worker", signal: AbortSignal): Promise<JoinCredentials>;
  /** Whether certificates on this machine are to be renewed. Reads files, and asks nobody. */
  certificates(): Promise<CertificateState>;
  /**
   * Renews them, whatever their state is, and has what runs here take them up: on a server, etcd and the API server are away for up to a
   * minute, so it is done on one machine at a time. Resolves when all is well again; one that was cut off is begun anew.
   */
  renewCertificates(signal: AbortSignal): Promise<void>;
  /** Which Kubernetes runs here, and which the package brings. Reads files, and asks nobody. */
  versions(): Promise<KubernetesVersions>;
  /** How the API knows this machine's kubelet. Reads files, and asks nobody. */
  kubeletAccess(): Promise<KubeletAccess>;
  /**
   * Gives a kubelet whose certificate has ended what it asks for another one with, and starts it anew; pods go on. Resolves before it has
   * got one, which takes an API that answers: {@link kubeletAccess} tells. Repeating it is another try.
   */
  readmit(request: ReadmissionRequest, signal: AbortSignal): Promise<void>;
  /** Takes that away again, once it is granted. */
  endReadmission(): Promise<void>;
  /** Has the images of the installed package taken in, and resolves when they are. Repeating it costs little. */
  loadImages(signal: AbortSignal): Promise<void>;
  /**
   * Brings a part of what runs on this machine to the installed version; pods go on. One machine at a time, one minor version at a
   * time, on all servers `control-plane` first, since no kubelet may be newer than any API server, and every machine has the package
   * by then, since new pods may come to it: who calls sees to that. With `control-plane`, etcd and the API server are away for some
   * seconds each. Repeating it changes nothing, and one that was cut off goes on.
   */
  upgrade(part: UpgradePart, signal: AbortSignal): Promise<void>;
  /** How things stand on this machine. Changes nothing, and answers within a few seconds whatever is broken. */
  status(signal: AbortSignal): Promise<KubernetesStatus>;
  /**
   * Before a server that did not get through its join is wiped: has etcd forget it, if it votes there beside others, who
   * would miss it for ever. `servers` are those of this moment. Throws while no majority of them consents.
   */
  withdraw(servers: readonly ServerAddress[], signal: AbortSignal): Promise<void>;
  /** Wipes everything an act began here, running pods included; the imported images stay. Bounded to two minutes. */
  reset(signal: AbortSignal): Promise<void>;
  /** Ends everything of Kubernetes that runs here, pods included, and wipes nothing. Repeating it does no harm. */
  halt(signal: AbortSignal): Promise<void>;

  /** Path of the administrator's kubeconfig; only servers have one. */
  adminKubeconfig(): string;
  /** On a server: issues a client certificate and writes it as a kubeconfig. */
  issueKubeconfig(request: KubeconfigRequest, signal: AbortSignal): Promise<void>;
}
