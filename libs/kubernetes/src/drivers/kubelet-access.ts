import type { KubeletAccess, ReadmissionRequest } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { endOfCertificate } from "../plan/certificates.ts";
import { workerCredentials } from "../plan/credentials.ts";
import { renderBootstrapKubeconfig } from "../render/discovery.ts";
import { PATHS, UNITS } from "../settings.ts";
import { systemctl, type Context } from "./context.ts";
import { BOOTSTRAP_GROUP, issueKubeconfig } from "./credentials.ts";

/** The certificate by which the API knows the kubelet; the kubelet renews it, as long as anybody believes it. */
const CERTIFICATE = `${PATHS.kubeletFolder}/pki/kubelet-client-current.pem`;
/** With this a kubelet whose certificate has ended asks for another one (its flag --bootstrap-kubeconfig). */
const BOOTSTRAP = `${PATHS.kubernetes}/bootstrap-kubelet.conf`;
/** What a server gives its own kubelet lasts until the API is back, which it may have to wait for. */
const OWN_HOURS = 24;

/** See {@link Distribution.kubeletAccess}. */
export async function kubeletAccess({ host, clock }: Context): Promise<KubeletAccess> {
  const certificate = await host.readFile(CERTIFICATE);
  const isAsking = (await host.readFile(BOOTSTRAP)) !== undefined;
  // A server has none until its kubelet has made it from what kubeadm gave it.
  if (certificate === undefined) return isAsking ? "asking" : "good";
  // Its key is in the same file. One that cannot be read is believed by nobody either.
  const hasEnded = endOfCertificate(certificate) <= clock.wallTime();
  if (hasEnded) return isAsking ? "asking" : "ended";
  return isAsking ? "granted" : "good";
}

/** See {@link Distribution.readmit}. A server has the authority's key, and perhaps nobody else's API answers either. */
export async function readmit(
  context: Context,
  request: ReadmissionRequest,
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const { nodeName, credentials } = request;
  if (credentials !== undefined) {
    const { token, caCertificate } = workerCredentials({ nodeName, credentials }, "kubeadm");
    await host.writeFile(BOOTSTRAP, renderBootstrapKubeconfig(caCertificate, token), 0o600);
  } else {
    if ((await host.readFile(`${PATHS.kubernetes}/pki/ca.key`)) === undefined)
      throw new KubernetesError("only a control-plane server gets its kubelet a certificate by itself");
    const name = { commonName: `system:bootstrap:${nodeName}`, organizations: [BOOTSTRAP_GROUP] };
    await issueKubeconfig(context, { ...name, validityHours: OWN_HOURS, path: BOOTSTRAP }, signal);
  }
  // A kubelet would pass over one that has ended, and ends itself at one that it cannot read.
  const certificate = await host.readFile(CERTIFICATE);
  if (certificate !== undefined && endOfCertificate(certificate) === 0) await host.remove(CERTIFICATE);
  await systemctl(context, "restart", UNITS.kubelet, signal);
}

/** See {@link Distribution.endReadmission}. The kubelet has read it, and would not need it again. */
export async function endReadmission({ host }: Context): Promise<void> {
  await host.remove(BOOTSTRAP);
}
