import { KubernetesError } from "../errors.ts";
import { PATHS } from "../settings.ts";
import type { Context } from "./context.ts";

/** The Kubernetes that the package on this machine brings, for example "v1.34.4". */
export async function installedVersion(
  { host }: Pick<Context, "host">,
  path: string = PATHS.version,
): Promise<string> {
  const content = await host.readFile(path);
  if (content !== undefined) return content.trim();
  throw new KubernetesError(`there is no ${path}: install cluster-os-kubernetes or cluster-os-k3s again`);
}

/**
 * Has the kubelet's unit run what the package brings, from its next start on; {@link noteKubelet} says so afterwards. A hard
 * link, so that a later package, which puts its program in the place of this one, does not change what the kubelet is when it
 * starts anew: it must not be newer than any API server.
 */
export async function linkKubelet({ host }: Pick<Context, "host">): Promise<void> {
  await host.link(PATHS.program, PATHS.kubelet);
}

/** The kubelet that runs here, or is about to be started for the first time, is of that version. */
export async function noteKubelet({ host }: Pick<Context, "host">, version: string): Promise<void> {
  await host.writeFile(PATHS.kubeletVersion, `${version}\n`, 0o644);
}

/** The Kubernetes that the kubelet's unit runs; undefined before there is a kubelet. */
export async function kubeletVersion({ host }: Pick<Context, "host">): Promise<string | undefined> {
  return (await host.readFile(PATHS.kubeletVersion))?.trim();
}
