import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { K3S, K3S_SERVER_LABELS } from "../src/k3s-settings.ts";
import type { FakeCluster, FakeNode } from "./fake-cluster.ts";
import { CA_CERTIFICATE, NEW_CERTIFICATE, NOW } from "./fixtures.ts";
import { DOCUMENTED } from "./k3s-documented.ts";

type Config = Readonly<Record<string, unknown>>;

/** The token servers share in the cluster of these fakes, once one was founded. */
const serverTokens = new WeakMap<FakeCluster, string>();

/**
 * What k3s does when it starts, as far as the driver can see it, on the files below `root`. It is as strict as k3s:
 * options it does not know, tokens others could read and tokens of nobody end it. Throws what it would log.
 */
export function startFakeK3s(
  kind: "server" | "agent",
  node: FakeNode,
  root: string,
  cluster: FakeCluster,
): void {
  const config = parse(readFileSync(join(root, K3S.config), "utf8")) as Config;
  refuseUnknownOptions(kind, config);
  if (kind === "server") startServer(node, root, cluster, config);
  else startAgent(root, cluster, config);
  write(root, `${K3S.agent}/server-ca.crt`, CA_CERTIFICATE);
  renewIfNeeded(root, `${K3S.agent}/client-kubelet.crt`);
  write(root, `${K3S.agent}/kubelet.kubeconfig`, `server: ${String(config["server"])}`);
  write(root, "/etc/rancher/node/password", "secret of the node");
  cluster.nodes.set(node.name, node.address);
  if (kind === "server") cluster.labels.set(node.name, new Set(K3S_SERVER_LABELS));
}

/** At each start (docs.k3s.io, "k3s certificate"). */
function renewIfNeeded(root: string, path: string): void {
  const place = join(root, path);
  const endsAt = existsSync(place) ? Date.parse(new X509Certificate(readFileSync(place)).validTo) : 0;
  if (endsAt - NOW < 120 * 86_400_000) write(root, path, NEW_CERTIFICATE);
}

function refuseUnknownOptions(kind: "server" | "agent", config: Config): void {
  const { server, agent, agentOnly } = DOCUMENTED;
  const known = new Set(kind === "server" ? [...server, ...agent] : [...agent, ...agentOnly]);
  for (const key of Object.keys(config)) {
    if (!known.has(key)) throw new Error(`flag provided but not defined: -${key}`);
  }
}

function startServer(node: FakeNode, root: string, cluster: FakeCluster, config: Config): void {
  const token = readToken(root, config["token-file"]);
  readToken(root, config["agent-token-file"]);
  const hasData = existsSync(join(root, `${K3S.server}/db/etcd/name`));
  if (config["cluster-init"] === true && !hasData) {
    if (token.startsWith("K10")) throw new Error("the token names an authority that does not exist yet");
    serverTokens.set(cluster, token);
    cluster.found(node);
  } else {
    if (token !== `${prefix()}server:${serverTokens.get(cluster)}`) throw new Error("not authorized");
    if (!hasData) joinEtcd(node, cluster);
  }
  write(root, `${K3S.server}/db/etcd/name`, node.memberName);
  write(root, K3S.serverCa, CA_CERTIFICATE);
  for (const name of ["client-admin", "serving-kube-apiserver"])
    renewIfNeeded(root, `${K3S.server}/tls/${name}.crt`);
  for (const name of ["server-ca.crt", "client.crt", "client.key"])
    write(root, `${K3S.etcdPki}/${name}`, name);
  const encoded = Buffer.from("pem").toString("base64");
  const kubeconfig = {
    clusters: [
      {
        cluster: {
          "certificate-authority-data": encoded,
          server: `https://${String(config["bind-address"])}:6443`,
        },
      },
    ],
    users: [{ user: { "client-certificate-data": encoded, "client-key-data": encoded } }],
  };
  write(root, K3S.kubeconfig, stringify(kubeconfig));
}

/** As k3s joins etcd: announced, started, and made a voter by the leader. */
function joinEtcd(node: FakeNode, cluster: FakeCluster): void {
  cluster.announce(node);
  cluster.started(node);
  for (const member of cluster.members) delete member.isLearner;
}

function startAgent(root: string, cluster: FakeCluster, config: Config): void {
  const token = readToken(root, config["token-file"]);
  if (existsSync(join(root, `${K3S.agent}/client-kubelet.crt`))) return;
  const [id] = token.slice(prefix().length).split(".");
  const secret = cluster.objects.get(`/api/v1/namespaces/kube-system/secrets/bootstrap-token-${id}`);
  const text = JSON.stringify(secret ?? {});
  if (!token.startsWith(prefix()) || !text.includes("system:bootstrappers:k3s:default-node-token"))
    throw new Error("not authorized");
}

function readToken(root: string, path: unknown): string {
  const file = join(root, String(path));
  if ((statSync(file).mode & 0o077) !== 0) throw new Error(`${file} can be read by others`);
  return readFileSync(file, "utf8").trim();
}

function prefix(): string {
  return `K10${createHash("sha256").update(CA_CERTIFICATE).digest("hex")}::`;
}

function write(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content, { mode: 0o600 });
}
