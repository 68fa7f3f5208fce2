import { z } from "zod";

/** Bootstrap token: lets a kubelet ask for its certificate, and nothing else. */
const BootstrapToken = z.string().regex(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
/** 32 random bytes as hexadecimal digits. */
const Key = z.string().regex(/^[0-9a-f]{64}$/);

/** The cluster's CA certificate in PEM. Public, but it has to come from somebody trusted, so it travels along. */
const caCertificate = z.string().startsWith("-----BEGIN CERTIFICATE-----");

const Worker = z.object({
  distribution: z.enum(["kubeadm", "k3s"]),
  role: z.literal("worker"),
  token: BootstrapToken,
  caCertificate,
});

const KubeadmServer = z.object({
  distribution: z.literal("kubeadm"),
  role: z.literal("server"),
  token: BootstrapToken,
  caCertificate,
  /** AES key of the certificates that wait in the cluster for this join. */
  certificateKey: Key,
  /** 32 bytes in base64: the key under which API servers encrypt Secrets in etcd. */
  secretsKey: z.base64().length(44),
});

/**
 * k3s knows no server's credential for one act: whoever serves holds the cluster's one server token, which also encrypts
 * the cluster's keys in etcd. It goes to elected servers alone, and has to be rotated when one of them is revoked.
 */
const K3sServer = z.object({
  distribution: z.literal("k3s"),
  role: z.literal("server"),
  caCertificate,
  serverToken: Key,
  /** The same on all servers, and given to no agent. */
  agentToken: Key,
});

/**
 * What a machine needs to join, handed out by a ready server for one act. It travels point to point, sealed to the
 * machine. A worker's is minted for that act and holds nothing of a server's.
 */
export const JoinCredentials = z.union([Worker, KubeadmServer, K3sServer]);
export type JoinCredentials = z.infer<typeof JoinCredentials>;
export type KubeadmServerCredentials = z.infer<typeof KubeadmServer>;
export type K3sServerCredentials = z.infer<typeof K3sServer>;
export type WorkerCredentials = z.infer<typeof Worker>;
