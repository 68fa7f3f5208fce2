import { finding, type Finding } from "../catalogue.ts";
import type { MachineFacts } from "../facts.ts";

const GIB = 2 ** 30;
/** Without these the kubelet does not start, or containers run without limits. */
const CONTROLLERS = ["cpu", "cpuset", "memory", "pids"];

export function checkKernel({ kernel }: MachineFacts): readonly Finding[] {
  if (!kernel) return [];
  const lacks = (what: string, module: string): Finding =>
    finding("kernel-feature", `the kernel has no ${what}`, {
      remedy: `load it with \`modprobe ${module}\`, or boot a kernel that has it`,
    });
  const missing = CONTROLLERS.filter((name) => !kernel.cgroupControllers.includes(name));
  return [
    ...(kernel.hasOverlay ? [] : [lacks("overlay file system, which containers are made of", "overlay")]),
    ...(kernel.hasWireGuard || kernel.hasTun
      ? []
      : [lacks("WireGuard and no tunnel device, so there can be no mesh", "tun")]),
    ...(kernel.hasBridgeFilter
      ? []
      : [lacks("br_netfilter, so services do not work between pods of one machine", "br_netfilter")]),
    ...(missing.length === 0
      ? []
      : [
          finding("kernel-feature", `the kernel lacks the cgroup controllers ${missing.join(", ")}`, {
            remedy: "turn them on in the boot line, for example `cgroup_enable=memory`",
          }),
        ]),
  ];
}

export function checkResources({ memory, disks }: MachineFacts): readonly Finding[] {
  return [
    ...(memory ? checkMemory(memory) : []),
    ...(disks ?? [])
      .filter(isShort)
      .map(({ path, sizeBytes, availableBytes }) =>
        finding(
          "disk-short",
          `${path} has ${amount(availableBytes)} left of ${amount(sizeBytes)}`,
          availableBytes < GIB / 4 ? { severity: "error" } : {},
        ),
      ),
  ];
}

function checkMemory({
  totalBytes,
  availableBytes,
}: NonNullable<MachineFacts["memory"]>): readonly Finding[] {
  // kubeadm's own least for a server is 1700 MB.
  if (totalBytes < 1700e6)
    return [
      finding("memory-short", `the machine has ${amount(totalBytes)} of memory`, { severity: "error" }),
    ];
  if (availableBytes < Math.max(totalBytes * 0.05, GIB / 8))
    return [finding("memory-short", `${amount(availableBytes)} of ${amount(totalBytes)} of memory are left`)];
  return [];
}

/** The kubelet begins to remove images at 15 % and pods at 10 %; on large disks, that is still much. */
function isShort({
  sizeBytes,
  availableBytes,
}: {
  readonly sizeBytes: number;
  readonly availableBytes: number;
}) {
  return availableBytes < GIB || (availableBytes < sizeBytes * 0.1 && availableBytes < 20 * GIB);
}

function amount(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
