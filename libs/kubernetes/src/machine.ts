/** What a renderer has to know of the machine, found out by the driver. */
export interface MachineFacts {
  /** Version of the control groups mounted at /sys/fs/cgroup. */
  readonly cgroupVersion: 1 | 2;
  /** Whether this process may lower OOM scores (CAP_SYS_RESOURCE); containers cannot start where runc tries in vain. */
  readonly canLowerOomScore: boolean;
  readonly hasAppArmor: boolean;
  /** Whether there is an /etc/resolv.conf that the kubelet can hand to pods. */
  readonly hasResolvConf: boolean;
  /** Name servers that another machine could ask as well: no loopback, no link-local addresses. */
  readonly nameservers: readonly string[];
}

/** Number of CAP_SYS_RESOURCE (linux/capability.h). */
const CAP_SYS_RESOURCE = 24n;

/** Whether /proc/self/status, given as text, says that the process has CAP_SYS_RESOURCE in effect. */
export function canLowerOomScore(procStatus: string): boolean {
  const [, digits] = /^CapEff:\s*([0-9a-f]+)$/m.exec(procStatus) ?? [];
  return digits !== undefined && ((BigInt(`0x${digits}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

/** The name servers in a resolv.conf(5) that are of use to a pod, which has its own loopback and its own links. */
export function reachableNameservers(resolvConf: string): readonly string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)]
    .map(([, address]) => address as string)
    .filter((address) => !/^(127\.|169\.254\.|::1$|::ffff:127\.|fe80:)/i.test(address));
}
