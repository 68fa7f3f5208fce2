import { X509Certificate } from "node:crypto";
import { parse } from "yaml";

/**
 * What is to be done about a machine's certificates:
 *
 * - current: nothing;
 * - due: two thirds of their life are over; renew them while nobody misses this machine;
 * - urgent: five sixths are; renew them although others are missing;
 * - expired: nobody believes them any more, so nobody can be asked;
 * - begun: a renewal was cut off.
 */
export type CertificateState = "current" | "due" | "urgent" | "expired" | "begun";

/** As kubeadm and k3s make them unless they are told otherwise: a year, in milliseconds. */
export const CERTIFICATE_LIFE_MS = 365 * 86_400_000;

/** As long as no machine lives: an authority's own certificate is not renewed, and without it nobody believes anybody. */
export const AUTHORITY_LIFE_MS = 30 * CERTIFICATE_LIFE_MS;

/**
 * Judges by the certificate that ends first. Its own beginning says nothing of its age: kubeadm gives every certificate that
 * of the authority. So `lifeMs` is how long those live that are made now.
 */
export function judgeCertificates(
  ends: readonly number[],
  { wallTime, lifeMs }: { readonly wallTime: number; readonly lifeMs: number },
): Exclude<CertificateState, "begun"> {
  const leftMs = Math.min(...ends) - wallTime;
  if (leftMs <= 0) return "expired";
  if (leftMs <= lifeMs / 6) return "urgent";
  return leftMs <= lifeMs / 3 ? "due" : "current";
}

/** When a certificate in PEM ends, in milliseconds since 1970; one that cannot be read has ended. */
export function endOfCertificate(pem: string): number {
  try {
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    return 0;
  }
}

/** The client certificate in a kubeconfig, as PEM; empty where there is none. */
export function certificateOfKubeconfig(text: string): string {
  const config = parse(text) as {
    readonly users?: readonly { readonly user?: Record<string, unknown> }[];
  } | null;
  const data = config?.users?.[0]?.user?.["client-certificate-data"];
  return typeof data === "string" ? Buffer.from(data, "base64").toString("utf8") : "";
}
