import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { findArtifacts, Lab, type Machine } from "@cluster-os/lab";
import { waitFor } from "@cluster-os/std/drivers";
import type { Subject } from "./losses.ts";
import { readyNodes } from "./observed.ts";
import { ServerApi } from "./server-api.ts";

const PACKAGE = "cluster-os-kubernetes_";
const READY_MS = 5 * 60_000;
const CONTAINERD = "/var/lib/cluster-os/kubernetes/containerd.toml";

/** As many serve as in a cluster of ours that is as large. */
const SERVERS = 3;

/**
 * A cluster by kubeadm alone: the same programs, images and machines, upstream's defaults, and somebody who types `init`, then each
 * `join`, the moment the one before is done. The endpoint is the first server, for want of a balancer. Control groups are as this
 * host has them, and no image is pulled: the rest is what kubeadm does if nobody says otherwise.
 */
export async function plainUp(
  name: string,
  nodes: number,
): Promise<{ readonly subject: Subject; readonly upS: number }> {
  const lab = new Lab({ name });
  const artifacts = await findArtifacts(join(import.meta.dirname, "../../.."), process.env);
  if (artifacts.driver !== "nspawn") throw new Error("plain machines are this host's");
  const debs = artifacts.debs.filter((path) => path.includes(PACKAGE));
  let startedAt: number | undefined;
  const machines = await lab.up({
    ...artifacts,
    debs,
    nodes,
    config: "",
    onStep: ({ what }) => {
      if (what.startsWith("started ")) startedAt ??= performance.now();
    },
  });
  await Promise.all(machines.map((machine) => machine.waitBooted()));
  await Promise.all(machines.map((machine) => prepare(machine, machines)));
  const key = randomBytes(32).toString("hex");
  const [first, ...others] = machines;
  if (first === undefined) throw new Error("no machine");
  const command = await init(first, key);
  for (const machine of others)
    await joinCluster(machine, command, machine.number <= SERVERS ? key : undefined);
  const servers = machines
    .slice(0, SERVERS)
    .map((machine) => new ServerApi(machine, `https://${addressOf(machine)}:6443`));
  await waitFor(async () => (await readyNodes(servers[0] ?? fail(), 0)).length === nodes, {
    what: "all nodes Ready",
    timeoutMs: READY_MS,
    everyMs: 250,
  });
  const upS = (performance.now() - (startedAt ?? fail())) / 1000;
  return { subject: { name: "kubeadm", machines, servers: () => running(servers), heals: false }, upS };
}

async function running(servers: readonly ServerApi[]): Promise<readonly ServerApi[]> {
  const lives = await Promise.all(servers.map(({ machine }) => machine.status()));
  return servers.filter((_, index) => lives[index]?.isRunning === true);
}

/** What an administrator does to a machine before kubeadm: a name, an address, a container runtime and its network. */
async function prepare(machine: Machine, machines: readonly Machine[]): Promise<void> {
  const hosts = machines.map((one) => `${addressOf(one)} ${nameOf(one)}\n`).join("");
  await write(machine, "/etc/hosts", `127.0.0.1 localhost\n${hosts}`);
  await write(machine, "/etc/systemd/system/address.service", addressUnit(machine));
  await write(machine, CONTAINERD, containerdConfig(await hasControlGroups2(machine)));
  await write(machine, "/etc/cni/net.d/10-bridge.conflist", cniConfig(machine));
  await write(machine, "/etc/systemd/system/kubelet.service.d/20-plain.conf", KUBELET);
  await machine.run(["systemctl", "daemon-reload"]);
  await machine.run(["systemctl", "enable", "--now", "address", "containerd", "cluster-os-images"]);
  // Our package leaves its start to bootstrap; upstream's begins with the machine.
  await machine.run(["systemctl", "add-wants", "multi-user.target", "kubelet"]);
}

/** Makes the first server; gives the command that kubeadm prints for those that are to join. */
async function init(machine: Machine, key: string): Promise<string> {
  const version = (await machine.run(["cat", "/usr/lib/cluster-os/kubernetes/version"])).trim();
  const configuration = initConfiguration(machine, key, version, await hasControlGroups2(machine));
  await write(machine, "/root/init.yaml", configuration, "600");
  await machine.run(["kubeadm", "init", "--config=/root/init.yaml", "--upload-certs"]);
  const words = [
    "kubeadm",
    "token",
    "create",
    "--print-join-command",
    "--kubeconfig=/etc/kubernetes/admin.conf",
  ];
  return machine.run(words);
}

/** As a server with the key, else as a worker. */
async function joinCluster(machine: Machine, command: string, key: string | undefined): Promise<void> {
  const token = /--token (\S+)/.exec(command)?.[1] ?? fail();
  const hash = /--discovery-token-ca-cert-hash (\S+)/.exec(command)?.[1] ?? fail();
  await write(machine, "/root/join.yaml", joinConfiguration(machine, { token, hash, key }), "600");
  await machine.run(["kubeadm", "join", "--config=/root/join.yaml"]);
}

function initConfiguration(
  machine: Machine,
  certificateKey: string,
  kubernetesVersion: string,
  isVersion2: boolean,
): string {
  return documents(
    {
      apiVersion: "kubeadm.k8s.io/v1beta4",
      kind: "InitConfiguration",
      certificateKey,
      localAPIEndpoint: { advertiseAddress: addressOf(machine), bindPort: 6443 },
      skipPhases: ["addon/coredns"],
      nodeRegistration: registration(machine),
    },
    {
      apiVersion: "kubeadm.k8s.io/v1beta4",
      kind: "ClusterConfiguration",
      kubernetesVersion,
      controlPlaneEndpoint: `${addressOf(machine)}:6443`,
      imageRepository: "registry.local",
      networking: { podSubnet: "10.244.0.0/16" },
    },
    {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      failSwapOn: false,
      ...(isVersion2 ? {} : { cgroupDriver: "cgroupfs", failCgroupV1: false }),
      resolvConf: "",
    },
    {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      conntrack: { maxPerCore: 0, min: 0 },
    },
  );
}

function joinConfiguration(
  machine: Machine,
  { token, hash, key }: { readonly token: string; readonly hash: string; readonly key: string | undefined },
): string {
  return documents({
    apiVersion: "kubeadm.k8s.io/v1beta4",
    kind: "JoinConfiguration",
    discovery: {
      bootstrapToken: { token, apiServerEndpoint: `${addressOf({ number: 1 })}:6443`, caCertHashes: [hash] },
    },
    nodeRegistration: registration(machine),
    ...(key !== undefined && {
      controlPlane: {
        localAPIEndpoint: { advertiseAddress: addressOf(machine), bindPort: 6443 },
        certificateKey: key,
      },
    }),
  });
}

function registration(machine: Machine): object {
  return {
    name: nameOf(machine),
    criSocket: "unix:///run/containerd/containerd.sock",
    imagePullPolicy: "Never",
    kubeletExtraArgs: [{ name: "node-ip", value: addressOf(machine) }],
  };
}

/** YAML is a superset of JSON. */
function documents(...objects: readonly object[]): string {
  return objects.map((object) => `---\n${JSON.stringify(object)}\n`).join("");
}

const KUBELET = `[Service]
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
`;

/** A machine of the lab has neither a name nor an address of its own, and after a power cut it has none again. */
function addressUnit(machine: Machine): string {
  return `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/hostname ${nameOf(machine)}
ExecStart=/usr/sbin/sysctl --quiet --write net.ipv4.ip_forward=1
ExecStart=/usr/sbin/ip address replace ${addressOf(machine)}/24 dev eth0
[Unit]
Before=kubelet.service
[Install]
WantedBy=multi-user.target
`;
}

function containerdConfig(isVersion2: boolean): string {
  return `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.local/pause:3.10.1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = ${isVersion2}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
`;
}

function cniConfig({ number }: Machine): string {
  const ipam = { type: "host-local", ranges: [[{ subnet: `10.244.${number}.0/24` }]] };
  const plugins = [{ type: "bridge", bridge: "cni0", isGateway: true, ipam }];
  return JSON.stringify({ cniVersion: "1.0.0", name: "plain", plugins });
}

async function hasControlGroups2(machine: Machine): Promise<boolean> {
  const type = await machine.run(["stat", "--file-system", "--format=%T", "/sys/fs/cgroup"]);
  return type.trim() === "cgroup2fs";
}

/** The file is there with its mode before it has its content. */
async function write(machine: Machine, path: string, text: string, mode = "644"): Promise<void> {
  await machine.run(["install", "-D", "-m", mode, "/dev/null", path]);
  await machine.run(["dd", "status=none", `of=${path}`], { stdin: Buffer.from(text) });
}

function nameOf({ number }: Pick<Machine, "number">): string {
  return `n${number}`;
}

function addressOf({ number }: Pick<Machine, "number">): string {
  return `10.9.0.${number}`;
}

function fail(): never {
  throw new Error("kubeadm said something else than it used to");
}
