import { X509Certificate } from "node:crypto";

/** Why a peer's certificate is not believed. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

export interface CertificateCheck {
  /** Certificates of the authorities that count, in PEM, one after the other. */
  readonly caPem: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** A certificate is believed so long after its end, in milliseconds. */
  readonly graceMs: number;
}

/** Whom a certificate names. */
export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/**
 * Whom a certificate names, if one of the authorities issued it and its time has come and not gone. That the peer has its key is
 * proven by the handshake. What the key may be used for is not looked at: node-agents' certificates are for clients, and here
 * each side is both.
 */
export function checkCertificate(certificate: X509Certificate, check: CertificateCheck): CertificateSubject {
  const authorities = parseAll(check.caPem);
  const isIssued = authorities.some(
    (authority) =>
      authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
  if (!isIssued) throw new CertificateError("the certificate is of no authority that counts here");
  if (check.now < certificate.validFromDate.getTime())
    throw new CertificateError("the certificate is not valid yet");
  if (check.now > certificate.validToDate.getTime() + check.graceMs) {
    throw new CertificateError(`the certificate ended ${certificate.validTo}`);
  }
  const { CN, O } = certificate.toLegacyObject().subject as Readonly<Record<string, string | string[]>>;
  if (typeof CN !== "string") throw new CertificateError("the certificate names nobody");
  return { commonName: CN, organizations: O === undefined ? [] : [O].flat() };
}

function parseAll(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
