import { parse } from "yaml";
import { z } from "zod";
import { yamlDocuments } from "./document.ts";

/** The API servers' configuration that encrypts Secrets in etcd. `key` is 32 bytes in base64, the same on all servers. */
export function renderSecretsEncryption(key: string): string {
  return yamlDocuments({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [
      {
        resources: ["secrets"],
        providers: [{ secretbox: { keys: [{ name: "key1", secret: key }] } }, { identity: {} }],
      },
    ],
  });
}

const Stored = z.object({
  resources: z.tuple([
    z.object({
      providers: z
        .tuple([z.object({ secretbox: z.object({ keys: z.tuple([z.object({ secret: z.base64() })]) }) })])
        .rest(z.unknown()),
    }),
  ]),
});

/** The key in a file from {@link renderSecretsEncryption}. Throws if it is anything else. */
export function readSecretsKey(configuration: string): string {
  return Stored.parse(parse(configuration)).resources[0].providers[0].secretbox.keys[0].secret;
}

export interface BootstrapTokenSecret {
  /** `abcdef.0123456789abcdef` */
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  readonly description: string;
  /** What its holder belongs to: the group that may ask for a node's certificate. */
  readonly group: string;
}

/** The Secret that makes a bootstrap token valid. It may authenticate only: nothing is signed with it. */
export function renderBootstrapToken(secret: BootstrapTokenSecret): object {
  const [id, key] = secret.token.split(".");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "kube-system", name: `bootstrap-token-${id}` },
    type: "bootstrap.kubernetes.io/token",
    stringData: {
      "token-id": id,
      "token-secret": key,
      // RFC 3339 without fractions of a second.
      expiration: new Date(secret.expiresAt).toISOString().replace(/\.\d+Z$/, "Z"),
      "usage-bootstrap-authentication": "true",
      "auth-extra-groups": secret.group,
      description: secret.description,
    },
  };
}
