import { duration } from "./controllers.ts";

/** What kubelets are told whatever starts them, on machines that are `patience` times slower than usual ones. */
export function kubeletSettings(patience: number): Readonly<Record<string, unknown>> {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failSwapOn: false,
    // A dead node is seen within 20 s, in which it had four chances to say otherwise.
    nodeStatusUpdateFrequency: duration(4 * patience),
    nodeLeaseDurationSeconds: Math.round(20 * patience),
    // In bytes, not per cent: a tenth of a large disk is no shortage. Named images are never deleted, they are pinned.
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "1Gi",
      "nodefs.inodesFree": "2%",
      "imagefs.available": "1Gi",
    },
  };
}
