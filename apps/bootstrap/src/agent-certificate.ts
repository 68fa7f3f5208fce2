import { X509Certificate } from "node:crypto";
import {
  AgentCertificateRequest,
  IssuedAgentCertificate,
  type AgentCertificateAnswer,
} from "@cluster-os/api";
import { decodeCbor, encodeCbor, nodeName, type NodeId } from "@cluster-os/identity";
import { API_URL } from "@cluster-os/kubernetes";
import type { PeerApiClient } from "./peer-api/client.ts";
import { PeerApiError } from "./peer-api/protocol.ts";
import { CERTIFICATE_TOPIC, issueFor, type CertificateIssuer } from "./server/certificate-handler.ts";
import type { View } from "./view.ts";

export interface AgentCertificateOptions {
  readonly self: NodeId;
  readonly view: View;
  readonly issuer: CertificateIssuer;
  readonly peers: PeerApiClient;
  readonly csrPem: string;
  readonly signal: AbortSignal;
}

/**
 * A client certificate for this machine's node-agent. On a ready server it is had from the cluster directly; elsewhere a
 * ready server is asked, which believes this machine's signature and nothing else.
 */
export async function certificateOfAgent(options: AgentCertificateOptions): Promise<AgentCertificateAnswer> {
  const { self } = options;
  const issued = await issue(options);
  return {
    ...issued,
    server: API_URL,
    nodeName: nodeName(self),
    expiresAt: Date.parse(new X509Certificate(issued.certificatePem).validTo),
  };
}

async function issue(options: AgentCertificateOptions): Promise<IssuedAgentCertificate> {
  const { self, view, issuer, peers, csrPem, signal } = options;
  if (issuer.kube()) return issueFor(issuer, self, csrPem, signal);
  const to = view.readyServers(view.epoch.epoch)[0];
  const address = to && view.find(to)?.meshAddress;
  if (to === undefined || address === undefined) throw new PeerApiError(503, "no server answers yet");
  const body = encodeCbor(AgentCertificateRequest.parse({ csrPem }));
  return IssuedAgentCertificate.parse(
    decodeCbor(await peers.ask({ to, address, topic: CERTIFICATE_TOPIC, body, signal })),
  );
}
