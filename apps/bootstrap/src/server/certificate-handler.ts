import { readFile } from "node:fs/promises";
import { decodeCbor, encodeCbor, type NodeId } from "@cluster-os/identity";
import type { KubeClient } from "@cluster-os/kube";
import type { Rng } from "@cluster-os/std";
import { AgentCertificateRequest, type IssuedAgentCertificate } from "@cluster-os/api";
import { PeerApiError } from "../peer-api/protocol.ts";
import { issueAgentCertificate } from "./agent-certificates.ts";

export const CERTIFICATE_TOPIC = "agent-certificate";

/** Life of node-agent's client certificate: long enough for a night's network trouble to be short of it by far. */
const CERTIFICATE_SECONDS = 3600;
const CA_PATH = "/etc/kubernetes/pki/ca.crt";

export interface CertificateIssuer {
  /** The API, while this machine is a ready server. */
  readonly kube: () => KubeClient | undefined;
  readonly rng: Rng;
}

/** On a server: a certificate for the node-agent of `from`, which proved to be that node. */
export async function issueFor(
  issuer: CertificateIssuer,
  from: NodeId,
  csrPem: string,
  signal: AbortSignal,
): Promise<IssuedAgentCertificate> {
  const kube = issuer.kube();
  if (!kube) throw new PeerApiError(503, "this server is not ready yet");
  const expirationSeconds = CERTIFICATE_SECONDS;
  const certificatePem = await issueAgentCertificate({
    kube,
    rng: issuer.rng,
    from,
    csrPem,
    expirationSeconds,
    signal,
  });
  return { certificatePem, caPem: await readFile(CA_PATH, "utf8") };
}

/** The same over the peer API, for nodes that are no servers. */
export function certificateHandler(issuer: CertificateIssuer) {
  return async (from: NodeId, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> => {
    const { csrPem } = AgentCertificateRequest.parse(decodeCbor(body));
    return encodeCbor(await issueFor(issuer, from, csrPem, signal));
  };
}
