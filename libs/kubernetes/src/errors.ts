/** An act of Kubernetes that failed: the message names the act, the step, and where to read on. */
export class KubernetesError extends Error {
  override readonly name = "KubernetesError";
}
