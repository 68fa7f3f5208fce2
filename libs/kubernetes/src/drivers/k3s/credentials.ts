import { requestCertificate, waitFor } from "@cluster-os/std/drivers";
import { toHex } from "@cluster-os/std";
import { z } from "zod";
import type { JoinCredentials } from "../../credentials.ts";
import type { KubeconfigRequest } from "../../distribution.ts";
import { K3S, K3S_BOOTSTRAP_GROUP } from "../../k3s-settings.ts";
import { secretOf } from "../../plan/k3s.ts";
import { renderKubeconfig } from "../../render/kubeconfig.ts";
import { PATHS } from "../../settings.ts";
import type { Context } from "../context.ts";
import { mintBootstrapToken, readOwn } from "../credentials.ts";
import { KubeApi } from "../kube-api.ts";

export async function mintCredentials(
  context: Context,
  role: "server" | "worker",
  signal: AbortSignal,
): Promise<JoinCredentials> {
  const distribution = "k3s";
  const caCertificate = await readOwn(context, PATHS.caCertificate);
  if (role === "server") {
    const serverToken = secretOf(await readOwn(context, K3S.serverToken));
    const agentToken = secretOf(await readOwn(context, K3S.agentToken));
    return { distribution, role, caCertificate, serverToken, agentToken };
  }
  const api = await KubeApi.open(context.host, PATHS.adminKubeconfig);
  const token = await mintBootstrapToken(context, api, { role, group: K3S_BOOTSTRAP_GROUP }, signal);
  return { distribution, role, token, caCertificate };
}

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const Issued = z.object({ status: z.object({ certificate: z.base64().optional() }).default({}) });

/** k3s has no command for it: the cluster's own signer is asked, as for node-agents. The key never leaves this machine. */
export async function issueKubeconfig(
  context: Context,
  request: KubeconfigRequest,
  signal: AbortSignal,
): Promise<void> {
  const { host, rng } = context;
  const api = await KubeApi.open(host, PATHS.adminKubeconfig);
  const { keyPem, csrPem } = requestCertificate(request);
  const name = `cluster-os-${toHex(rng.bytes(8))}`;
  await api.create(REQUESTS, signingRequest(name, csrPem, request.validityHours * 3600), signal);
  try {
    await api.patch(`${REQUESTS}/${name}/approval`, { status: { conditions: [APPROVED] } }, signal);
    const certificate = await waitFor(
      async () => Issued.parse(await api.read(`${REQUESTS}/${name}`, signal)).status.certificate,
      { what: `the certificate of ${request.commonName}`, timeoutMs: 30_000, everyMs: 200, signal },
    );
    const certificatePem = Buffer.from(certificate, "base64").toString("utf8");
    await host.writeFile(request.path, renderKubeconfig({ ...api.server, certificatePem, keyPem }), 0o600);
  } finally {
    await api.remove(`${REQUESTS}/${name}`, signal);
  }
}

const APPROVED = {
  type: "Approved",
  status: "True",
  reason: "ClusterOsServer",
  message: "asked for by this server itself",
};

function signingRequest(name: string, csrPem: string, expirationSeconds: number): object {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: {
      request: Buffer.from(csrPem, "utf8").toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
      expirationSeconds,
    },
  };
}
