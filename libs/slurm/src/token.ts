import { createHmac } from "node:crypto";

/** What a token says. Times are in Unix seconds. */
export interface TokenClaims {
  readonly user: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * A token that slurmctld's auth/jwt takes for the user's own word: a JSON Web Token (RFC 7519) under HMAC-SHA256 (RFC 7518, section 3.2),
 * with the user in claim `sun` (SLURM's page "JSON Web Tokens (JWT) Authentication"). The same claims and key give the same token.
 */
export function signToken({ user, issuedAt, expiresAt }: TokenClaims, key: Uint8Array): string {
  const signed = [
    { alg: "HS256", typ: "JWT" },
    { sun: user, iat: issuedAt, exp: expiresAt },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}
