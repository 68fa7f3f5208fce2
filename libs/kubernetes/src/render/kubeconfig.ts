import { yamlDocuments } from "./document.ts";

export interface KubeconfigIdentity {
  readonly url: string;
  /** PEM of the authority that issued the API servers' certificates. */
  readonly ca: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** A kubeconfig of one cluster and one user, with everything in it. */
export function renderKubeconfig({ url, ca, certificatePem, keyPem }: KubeconfigIdentity): string {
  const embedded = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  return yamlDocuments({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "cluster-os", cluster: { server: url, "certificate-authority-data": embedded(ca) } }],
    users: [
      {
        name: "user",
        user: { "client-certificate-data": embedded(certificatePem), "client-key-data": embedded(keyPem) },
      },
    ],
    contexts: [{ name: "user@cluster-os", context: { cluster: "cluster-os", user: "user" } }],
    "current-context": "user@cluster-os",
  });
}
