import { API_URL } from "../settings.ts";
import { yamlDocuments } from "./document.ts";

/** The kubeconfig by which kubeadm finds the cluster it joins: the local balancer and the CA to expect behind it. */
export function renderDiscoveryKubeconfig(caCertificate: string): string {
  return yamlDocuments({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        // Unnamed: kubeadm takes that one without a context, and a context would need a user.
        name: "",
        cluster: {
          server: API_URL,
          "certificate-authority-data": Buffer.from(caCertificate, "utf8").toString("base64"),
        },
      },
    ],
    contexts: [],
    users: [],
  });
}

/** The kubeconfig by which a kubelet asks for a certificate: a bootstrap token, by the local balancer. A secret. */
export function renderBootstrapKubeconfig(caCertificate: string, token: string): string {
  return yamlDocuments({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "cluster-os",
        cluster: {
          server: API_URL,
          "certificate-authority-data": Buffer.from(caCertificate, "utf8").toString("base64"),
        },
      },
    ],
    users: [{ name: "kubelet-bootstrap", user: { token } }],
    contexts: [{ name: "bootstrap", context: { cluster: "cluster-os", user: "kubelet-bootstrap" } }],
    "current-context": "bootstrap",
  });
}
