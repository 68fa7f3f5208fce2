/** What doctor can find: how bad it is, what it means, and what to do. The guide's table is made from this. */
export const CATALOGUE = {
  "machine-off": {
    severity: "error",
    means: "the machine has no power",
    remedy: "start it; it finds back by itself",
  },
  "bootstrap-silent": {
    severity: "error",
    means: "cluster-os-bootstrap does not answer on its socket, so nothing is looked after on this machine",
    remedy: "read its log (`journalctl -u cluster-os-bootstrap`); a refused file names the line to mend",
  },
  "unit-down": {
    severity: "error",
    means: "a service that has to run at this stage does not",
    remedy: "read the last line of its log here, mend what it names, and start the unit",
  },
  "no-interface": {
    severity: "error",
    means: "no network interface leads to other machines",
    remedy: "plug in a network card that this kernel knows (`ip link`), or load its driver",
  },
  "link-down": {
    severity: "error",
    means: "the interface is there, but nothing is at the other end of the cable",
    remedy: "plug the cable in, or look at the switch's port",
  },
  "no-address": {
    severity: "error",
    means: "the interface has no address, not even the link-local one that Linux gives by itself",
    remedy: "allow IPv6 on it (`sysctl net.ipv6.conf.all.disable_ipv6=0`), or give it an address",
  },
  "foreign-firewall": {
    severity: "error",
    means:
      "rules of this machine that are not Cluster-OS's keep out what the members must hear of each other",
    remedy:
      "have that table accept UDP and TCP port 8686 and UDP port 51820 (or `gossipPort`, `wireguardPort`), over IPv6 too; or remove it: Cluster-OS brings a firewall of its own",
  },
  "firewall-failed": {
    severity: "warning",
    means:
      "the firewall of this machine could not be put in place, so the local network reaches what listens here",
    remedy:
      "install nftables, or load the kernel's nf_tables (`modprobe nf_tables`); `firewall: off` accepts it as it is",
  },
  "nobody-heard": {
    severity: "error",
    means:
      "links are up and no other machine is heard: it is alone, on the wrong network, or the switch drops multicast",
    remedy:
      "check that the others have power and are on the same network; on the switch, allow IPv6 link-local multicast (ff02::/16) or turn MLD snooping off; or list a member in `seeds`",
  },
  "client-isolation": {
    severity: "error",
    means:
      "the network lets this machine reach the router and no other machine (client isolation, a guest network, a private VLAN)",
    remedy:
      "turn client isolation off for this network (often called AP isolation, guest mode or protected ports), or use a cable or another network",
  },
  "wrong-interface": {
    severity: "error",
    means: "this machine looks for others on a network on which there are none, and has another one",
    remedy:
      "plug the machines' network into an interface on which this machine looks, or mend the one that is down; interfaces named `br-...` are passed over as containers' own: name the bridge `br0`, or list a member in `seeds`",
  },
  "multicast-filtered": {
    severity: "warning",
    means:
      "members answer when they are spoken to, but their announcements to all do not arrive: the network drops multicast",
    remedy:
      "on the switch, allow IPv6 link-local multicast (ff02::/16) or turn MLD and IGMP snooping off; new machines would not be found",
  },
  "not-heard-by-others": {
    severity: "error",
    means: "this machine hears others, and they say that they hear nobody: what it sends to all is dropped",
    remedy: "look for a filter of multicast on this machine's port, or for a firewall on this machine",
  },
  "waiting-for-machines": {
    severity: "warning",
    means: "fewer machines are there than the given file's `expect` says",
    remedy: "start the missing machines, or write the number there is into `expect` everywhere",
  },
  "other-join-key": {
    severity: "error",
    means: "a machine on this network has another join key, so the two never become one cluster",
    remedy:
      "if it is to be in this cluster, give it the same `joinKey` in /etc/cluster-os/cluster-os.yaml and restart cluster-os-bootstrap",
  },
  "no-join-key": {
    severity: "warning",
    means: "this machine was given no join key, so it waits for a person's approval",
    remedy: "give it the cluster's stick, or approve it on a member",
  },
  "other-cluster": {
    severity: "error",
    means: "another cluster with the same join key is on this network",
    remedy: "dissolve one of the two: remove its machines' /var/lib/cluster-os and restart them",
  },
  "duplicate-identity": {
    severity: "error",
    means: "two machines run with one identity: a disk was cloned",
    remedy:
      "on one of them, stop cluster-os-bootstrap, remove /var/lib/cluster-os and start it; it becomes a new node",
  },
  "identity-yielded": {
    severity: "error",
    means:
      "another machine runs with this machine's identity and started last, so this one has ended its work: a disk was cloned",
    remedy:
      "stop cluster-os-bootstrap here, remove /var/lib/cluster-os and start it: this machine becomes a new node",
  },
  "clock-skew": {
    severity: "error",
    means: "this clock is too far from the servers' for certificates to be valid on both sides",
    remedy:
      "see `chronyc sources`; `chronyc makestep` sets the clock at once; in a container, set its host's clock",
  },
  "clock-unsynchronized": {
    severity: "warning",
    means: "the clock follows nothing, or is being corrected",
    remedy: "see `chronyc sources` and `systemctl status chrony`; give `timeSources` if there are any",
  },
  "kernel-feature": {
    severity: "error",
    means: "the kernel lacks what containers or the mesh need",
    remedy: "boot a kernel that has it, or load the module (`modprobe NAME`)",
  },
  "state-unwritable": {
    severity: "error",
    means:
      "what this machine promises others has to be on its disk first, so it says nothing, and is taken for failed",
    remedy:
      "make room on the disk of /var/lib/cluster-os, or mount it for writing; it goes on by itself within ten seconds",
  },
  "disk-short": {
    severity: "warning",
    means: "a disk is nearly full: the kubelet removes pods and images, and etcd stops at a full one",
    remedy: "make room (`du -xh --max-depth=2 PATH`), or give the machine a larger disk",
  },
  "memory-short": {
    severity: "warning",
    means: "too little memory: the kernel or the kubelet will end processes",
    remedy: "run less on this machine, or give it more memory; 2 GiB is the least for a server",
  },
  "peer-silent": {
    severity: "warning",
    means: "a living member's encrypted link is silent: its packets to the WireGuard port do not arrive",
    remedy: "allow UDP port 51820 (or `wireguardPort`) between the machines, both ways",
  },
  "path-too-narrow": {
    severity: "error",
    means:
      "small packets arrive at a member and full-size ones do not, so its pages and files stall: something between the machines drops frames of the size that this machine's interface is set to",
    remedy:
      "give all machines the frame size that every switch and tunnel between them carries (`ip link set dev eth0 mtu 1500`); the mesh follows by itself",
  },
  "mesh-in-program": {
    severity: "warning",
    means:
      "the kernel has learned WireGuard since this machine's mesh was made in a program; it stays there until the next boot, and is several times slower",
    remedy: "restart the machine when it suits you",
  },
  "member-failed": {
    severity: "warning",
    means: "members of the cluster do not answer any machine",
    remedy: "look at them, or give them power; they find back by themselves",
  },
  "api-unreachable": {
    severity: "error",
    means: "the Kubernetes API does not answer through this machine's balancer",
    remedy:
      "see `cluster-os status` for who serves; on a server, `crictl ps -a` and the logs of kube-apiserver",
  },
  "etcd-unhealthy": {
    severity: "error",
    means: "a voter of the control plane does not answer; without a majority the API takes no writes",
    remedy: "bring that machine back; its log is under `journalctl -u kubelet`",
  },
  "certificate-invalid": {
    severity: "error",
    means: "a certificate is not valid now",
    remedy:
      "check the clock first; bootstrap gets a kubelet another one within a minute or two, and a server renews its own at once: " +
      "`journalctl -u cluster-os-bootstrap` says why it did not",
  },
  "certificate-ending": {
    severity: "warning",
    means: "a certificate ends soon and was not renewed",
    remedy:
      "restart the kubelet to renew its own; a server waits until all others are well, and for its turn: " +
      "`journalctl -u cluster-os-bootstrap` names what it waits for",
  },
  other: {
    severity: "warning",
    means: "bootstrap says something that this doctor has no name for",
    remedy: "what it says includes the way out",
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;

export interface CatalogueEntry {
  readonly severity: "error" | "warning";
  /** Why it matters; completes "this means that". */
  readonly means: string;
  readonly remedy: string;
}

export type FindingKind = keyof typeof CATALOGUE;

export interface Finding {
  readonly kind: FindingKind;
  readonly severity: "error" | "warning";
  /** What is so, on this machine. */
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** A finding of that kind; `change` replaces what the catalogue says. */
export function finding(
  kind: FindingKind,
  what: string,
  change: Partial<Pick<Finding, "severity" | "why" | "remedy">> = {},
): Finding {
  const { severity, means, remedy } = CATALOGUE[kind];
  return { kind, severity, what, why: means, remedy, ...change };
}

/** The table of docs/guides/troubleshooting.md. */
export function catalogueTable(): string {
  const rows = (Object.entries(CATALOGUE) as [FindingKind, CatalogueEntry][]).map(
    ([kind, { severity, means, remedy }]) => `| \`${kind}\` | ${severity} | ${means} | ${remedy} |`,
  );
  return ["| finding | severity | it means | what to do |", "| --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}
