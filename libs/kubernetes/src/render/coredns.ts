import type { NetworkPlan } from "../distribution.ts";
import { CLUSTER_DOMAIN, COREDNS_IMAGE } from "../settings.ts";
import { dnsAddress } from "./networks.ts";

const LABELS = { "k8s-app": "kube-dns" };
const META = { namespace: "kube-system", name: "coredns", labels: LABELS };

/**
 * The cluster's DNS as Kubernetes objects, in the order to apply them. Names of other domains go to `nameservers`; with
 * none, they are refused at once, instead of after a time-out.
 */
export function renderClusterDns(plan: NetworkPlan, nameservers: readonly string[]): readonly object[] {
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: META },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "system:coredns", labels: LABELS },
      rules: [
        { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "system:coredns", labels: LABELS },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
      subjects: [{ kind: "ServiceAccount", namespace: META.namespace, name: META.name }],
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: META, data: { Corefile: corefile(nameservers) } },
    service(dnsAddress(plan)),
    daemonSet(),
  ];
}

function corefile(nameservers: readonly string[]): string {
  return [
    ".:53 {",
    "    errors",
    "    health {",
    "        lameduck 5s",
    "    }",
    "    ready",
    `    kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {`,
    "        pods insecure",
    "        fallthrough in-addr.arpa ip6.arpa",
    "        ttl 30",
    "    }",
    "    prometheus :9153",
    ...(nameservers.length > 0 ? [`    forward . ${nameservers.join(" ")}`] : []),
    "    cache 30",
    "    loop",
    "    reload",
    "    loadbalance",
    "}",
    "",
  ].join("\n");
}

function service(clusterIP: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    // Named as everything that looks for a cluster's DNS expects it.
    metadata: { ...META, name: "kube-dns" },
    spec: {
      clusterIP,
      selector: LABELS,
      ports: [
        { name: "dns", port: 53, protocol: "UDP", targetPort: "dns" },
        { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: "dns-tcp" },
        { name: "metrics", port: 9153, protocol: "TCP", targetPort: "metrics" },
      ],
    },
  };
}

/**
 * One on every server, and nowhere else: they come and go with the servers by themselves. Two replicas would both land
 * on the first machine and stay there, and names would be gone with it.
 */
function daemonSet(): object {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: META,
    spec: {
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: META.name,
          priorityClassName: "system-cluster-critical",
          // By the label's name: its value is kubeadm's empty text, or k3s' "true".
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  {
                    matchExpressions: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists" }],
                  },
                ],
              },
            },
          },
          dnsPolicy: "Default",
          terminationGracePeriodSeconds: 10,
          tolerations: [
            { key: "CriticalAddonsOnly", operator: "Exists" },
            { key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" },
          ],
          containers: [container()],
          volumes: [
            {
              name: "config",
              configMap: { name: META.name, items: [{ key: "Corefile", path: "Corefile" }] },
            },
          ],
        },
      },
    },
  };
}

function container(): object {
  return {
    name: "coredns",
    image: COREDNS_IMAGE,
    imagePullPolicy: "IfNotPresent",
    args: ["-conf", "/etc/coredns/Corefile"],
    resources: { requests: { cpu: "50m", memory: "50Mi" }, limits: { memory: "170Mi" } },
    volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
    ports: [
      { name: "dns", containerPort: 53, protocol: "UDP" },
      { name: "dns-tcp", containerPort: 53, protocol: "TCP" },
      { name: "metrics", containerPort: 9153, protocol: "TCP" },
    ],
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
    },
    livenessProbe: {
      httpGet: { path: "/health", port: 8080 },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 5,
    },
    readinessProbe: {
      httpGet: { path: "/ready", port: 8181 },
      periodSeconds: 2,
      timeoutSeconds: 2,
      failureThreshold: 3,
    },
    startupProbe: {
      httpGet: { path: "/ready", port: 8181 },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 120,
    },
  };
}
