import { AsnConvert } from "@peculiar/asn1-schema";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AGENTS_GROUP, agentUser } from "@cluster-os/api";
import { nodeName, type NodeId } from "@cluster-os/identity";
import { RESOURCES, type CertificateSigningRequest, type KubeClient } from "@cluster-os/kube";
import { toHex, type Rng } from "@cluster-os/std";
import { waitFor } from "@cluster-os/std/drivers";
import { PeerApiError } from "../peer-api/protocol.ts";

const REQUESTS = RESOURCES.certificateSigningRequest;

const ORGANIZATION = "2.5.4.10";
const COMMON_NAME = "2.5.4.3";

/**
 * Refuses a certificate request that asks for any other name than its node's own: a certificate says who somebody is,
 * and the signer of Kubernetes does not look at it.
 */
export function checkAgentRequest(csrPem: string, from: NodeId): void {
  const subject = parseSubject(csrPem);
  const expected = [
    [ORGANIZATION, AGENTS_GROUP],
    [COMMON_NAME, agentUser(nodeName(from))],
  ];
  if (JSON.stringify(subject) !== JSON.stringify(expected)) {
    throw new PeerApiError(
      403,
      `node-agent of ${nodeName(from)} may only ask for ${agentUser(nodeName(from))} in ${AGENTS_GROUP}`,
    );
  }
}

function parseSubject(csrPem: string): string[][] {
  const base64 =
    /-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----/.exec(
      csrPem,
    )?.[1];
  if (base64 === undefined) throw new PeerApiError(400, "not a PKCS#10 certificate request in PEM");
  try {
    const request = AsnConvert.parse(Buffer.from(base64, "base64"), CertificationRequest);
    return [...request.certificationRequestInfo.subject].flatMap((names) =>
      [...names].map((name) => [name.type, name.value.toString()]),
    );
  } catch (cause) {
    throw new PeerApiError(400, "the certificate request cannot be parsed", { cause });
  }
}

export interface IssueOptions {
  readonly kube: KubeClient;
  readonly rng: Rng;
  readonly from: NodeId;
  readonly csrPem: string;
  /** Life of the certificate; Kubernetes accepts 600 s and more. */
  readonly expirationSeconds: number;
  readonly signal: AbortSignal;
}

/** Has the cluster's own signer issue node-agent's client certificate. Returns it in PEM. */
export async function issueAgentCertificate(options: IssueOptions): Promise<string> {
  checkAgentRequest(options.csrPem, options.from);
  const { kube, signal } = options;
  const created = await kube.create(REQUESTS, signingRequest(options), { signal });
  const approved = {
    type: "Approved",
    status: "True",
    reason: "ClusterOsAdmission",
    message: "approved against the admission record",
  };
  const status = { ...created.status, conditions: [approved] };
  await kube.replace(REQUESTS, { ...created, status }, { subresource: "approval", signal });
  const certificate = await waitFor(
    async () => (await kube.find(REQUESTS, created.metadata, { signal }))?.status?.certificate,
    { what: `the certificate of ${nodeName(options.from)}`, timeoutMs: 20_000, everyMs: 200, signal },
  );
  await kube.delete(REQUESTS, created.metadata, { signal });
  return Buffer.from(certificate, "base64").toString("utf8");
}

function signingRequest({ from, rng, csrPem, expirationSeconds }: IssueOptions): CertificateSigningRequest {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: `cluster-os-${nodeName(from)}-${toHex(rng.bytes(4))}` },
    spec: {
      request: Buffer.from(csrPem, "utf8").toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
      expirationSeconds,
    },
  };
}
