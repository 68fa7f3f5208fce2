import type { MachineFacts } from "../machine.ts";
import { PAUSE_IMAGE } from "../settings.ts";

/** containerd's configuration for this machine, in the format of containerd 1.7 (version 2). */
export function renderContainerdConfig(machine: MachineFacts): string {
  return `# Rendered by cluster-os-bootstrap for this machine. Changes are overwritten.
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Where this process may not lower OOM scores, a container that asks for a low one would not start.
  restrict_oom_score_adj = ${!machine.canLowerOomScore}
  disable_apparmor = ${!machine.hasAppArmor}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = ${machine.cgroupVersion === 2}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
`;
}
