import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { bitString, element, objectIdentifier, sequence, set, smallInteger, utf8String } from "./der.ts";

const ORGANIZATION = "2.5.4.10";
const COMMON_NAME = "2.5.4.3";
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";

/** Whom a client certificate names. To Kubernetes, the organizations are the user's groups. */
export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** A new key pair and the request for its certificate. The private key never leaves this process's memory. */
export interface CertificateRequest {
  readonly keyPem: string;
  readonly csrPem: string;
}

/** A fresh ECDSA P-256 key, and a PKCS#10 request (RFC 2986) for a certificate in this name. */
export function requestCertificate(subject: CertificateSubject): CertificateRequest {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    csrPem: renderRequest(subject, publicKey, privateKey),
  };
}

function renderRequest(subject: CertificateSubject, publicKey: KeyObject, privateKey: KeyObject): string {
  const info = sequence(
    smallInteger(0),
    sequence(
      ...subject.organizations.map((name) => nameOf(ORGANIZATION, name)),
      nameOf(COMMON_NAME, subject.commonName),
    ),
    publicKey.export({ type: "spki", format: "der" }),
    // Attributes [0], none: not even names, since the signer of client certificates would ignore them.
    element(0xa0),
  );
  const signature = sign("sha256", info, { key: privateKey, dsaEncoding: "der" });
  const request = sequence(info, sequence(objectIdentifier(ECDSA_WITH_SHA256)), bitString(signature));
  return pem("CERTIFICATE REQUEST", request);
}

function nameOf(type: string, value: string): Uint8Array {
  return set(sequence(objectIdentifier(type), utf8String(value)));
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
