import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { systemClock } from "@cluster-os/std/drivers";
import type { ReplicaId } from "../manifest.ts";
import { CertificateError, checkCertificate } from "./certificate.ts";
import type { Credentials, TlsTransportOptions } from "./tls-transport.ts";

/** From a connection to proof of who is at both ends, in milliseconds. */
export const HANDSHAKE_MS = 5_000;
const DAY_MS = 24 * 3600 * 1000;

/** Who is at the other end. Throws CertificateError if that is nobody who may speak here. */
export function peerOf(
  socket: TLSSocket,
  { caPem }: Credentials,
  remoteAddress: string,
  { replicaOf, addressOf, graceMs = DAY_MS }: TlsTransportOptions,
): ReplicaId {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) throw new CertificateError("the peer has no certificate");
  const subject = checkCertificate(new X509Certificate(certificate.raw), {
    caPem,
    now: systemClock.wallTime(),
    graceMs,
  });
  const replica = replicaOf(subject);
  const address = replica === undefined ? undefined : addressOf(replica);
  if (replica === undefined || !address)
    throw new CertificateError(`${subject.commonName} is no replica here`);
  if (address.host !== remoteAddress) {
    throw new CertificateError(`${replica} came from ${remoteAddress}, not from its own mesh address`);
  }
  return replica;
}
