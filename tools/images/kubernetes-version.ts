import { execa } from "execa";

/** The Kubernetes that a built program is, for example "v1.34.4". */
export async function kubernetesVersion(hyperkube: string): Promise<string> {
  const { stdout } = await execa(hyperkube, ["kubeadm", "version", "--output=short"]);
  return stdout.trim();
}
