import { createHash } from "node:crypto";
import { K3S_ETCD_HTTP_PORT } from "../k3s-settings.ts";
import type { EtcdMember } from "./etcd.ts";

/**
 * A token in k3s' secure form (docs.k3s.io/cli/token, "Secure"): it names the cluster's authority by the SHA-256 of its
 * certificate's PEM file, so that the joining machine shows its secret to nobody else.
 */
export function secureToken(caCertificate: string, secret: string): string {
  const hash = createHash("sha256").update(caCertificate, "utf8").digest("hex");
  return `K10${hash}::${secret}`;
}

/** The same for the token that servers share. */
export function secureServerToken(caCertificate: string, serverToken: string): string {
  return secureToken(caCertificate, `server:${serverToken}`);
}

/** The secret in a token of either form, without user name. */
export function secretOf(token: string): string {
  const secret = token.trim().split("::").at(-1) ?? "";
  return secret.slice(secret.indexOf(":") + 1);
}

/**
 * A member of k3s' etcd as the rest of the driver knows members. k3s appends eight random digits to the node's name, and
 * lists the address that takes gRPC only; the one that takes HTTP is a few ports further.
 */
export function seenAsNode(member: EtcdMember): EtcdMember {
  return {
    ...member,
    name: member.name.replace(/-[0-9a-f]{8}$/, ""),
    clientURLs: member.clientURLs.map((url) => url.replace(/:2379$/, `:${K3S_ETCD_HTTP_PORT}`)),
  };
}

/** Where this machine's own member answers HTTP. */
export function memberUrl(meshAddress: string): string {
  return `https://${meshAddress}:${K3S_ETCD_HTTP_PORT}`;
}
