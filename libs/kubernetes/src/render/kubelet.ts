/** What kubelets are told whatever starts them. */
export function kubeletSettings(): Readonly<Record<string, unknown>> {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failSwapOn: false,
    // A dead node is seen within 20 s, in which it had four chances to say otherwise.
    nodeStatusUpdateFrequency: "4s",
    nodeLeaseDurationSeconds: 20,
    // In bytes, not per cent: a tenth of a large disk is no shortage. Named images are never deleted, they are pinned.
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "1Gi",
      "nodefs.inodesFree": "2%",
      "imagefs.available": "1Gi",
    },
  };
}
