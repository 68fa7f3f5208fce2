import { z } from "zod";

const common = {
  /** Bootstrap token: lets a kubelet ask for its certificate, and nothing else. */
  token: z.string().regex(/^[a-z0-9]{6}\.[a-z0-9]{16}$/),
  /** The cluster's CA certificate in PEM. Public, but it has to come from somebody trusted, so it travels along. */
  caCertificate: z.string().startsWith("-----BEGIN CERTIFICATE-----"),
};

/**
 * What a machine needs to join, minted by a ready server for one act. It travels point to point, sealed to the machine.
 * A worker's holds nothing of a server's: neither the key to the uploaded certificates nor the one that encrypts
 * Secrets at rest.
 */
export const JoinCredentials = z.discriminatedUnion("role", [
  z.object({ role: z.literal("worker"), ...common }),
  z.object({
    role: z.literal("server"),
    ...common,
    /** AES key, as 64 hexadecimal digits, of the certificates that wait in the cluster for this join. */
    certificateKey: z.string().regex(/^[0-9a-f]{64}$/),
    /** 32 bytes in base64: the key under which API servers encrypt Secrets in etcd. */
    secretsKey: z.base64().length(44),
  }),
]);
export type JoinCredentials = z.infer<typeof JoinCredentials>;
export type ServerCredentials = Extract<JoinCredentials, { role: "server" }>;
