/**
 * A real Kubernetes API server with an etcd of its own, for tests: no nodes, no controllers, gone at the end. It runs from
 * the binary that tools/kube/build.sh builds.
 */
import { generateKeyPairSync } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { waitFor } from "@cluster-os/std/drivers";

const BUILD_SCRIPT = resolve(import.meta.dirname, "../kube/build.sh");
const ADMIN_TOKEN = "administrator";

/** Where Kubernetes' binary is, or what a person must do to have it. */
export async function findHyperkube(): Promise<{ readonly path: string } | { readonly missing: string }> {
  const path = process.env["HYPERKUBE"] ?? (await execa(BUILD_SCRIPT, ["--path"])).stdout;
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere
    ? { path }
    : { missing: `no Kubernetes at ${path}; run tools/kube/build.sh, or set HYPERKUBE` };
}

export interface KubectlOptions {
  /** An object, or several, for `-f -`. */
  readonly input?: unknown;
  /** Acts as this user and these groups, as its authorised impersonator does. */
  readonly user?: string;
  readonly groups?: readonly string[];
}

export interface KubectlResult {
  readonly isDone: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  readonly caPem: string;
  readonly kubectl: (args: readonly string[], options?: KubectlOptions) => Promise<KubectlResult>;
  /** Signs a certificate request as the cluster's own signer would, for so many seconds. */
  readonly signClient: (csrPem: string, seconds: number) => Promise<string>;
  /** Stops or continues the API server process: an API that hangs. */
  readonly freeze: () => void;
  readonly thaw: () => void;
}

/** Starts etcd and an API server on free ports of 127.0.0.1. Takes about four seconds. */
export async function startApiServer(hyperkube: string): Promise<ApiServer> {
  const folder = await mkdtemp(join(tmpdir(), "api-server-"));
  for (const name of ["etcd", "kube-apiserver", "kubectl"]) await symlink(hyperkube, join(folder, name));
  await makeKeys(folder);
  const [etcdPort, peerPort, port] = await freePorts(3);
  const children = [
    startEtcd(folder, etcdPort as number, peerPort as number),
    startServer(folder, etcdPort as number, port as number),
  ];
  const dispose = async (): Promise<void> => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.allSettled(children);
    await rm(folder, { recursive: true, force: true });
  };
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = join(folder, "admin.kubeconfig");
  await writeFile(kubeconfig, JSON.stringify(adminKubeconfig(url, folder)), { mode: 0o600 });
  const kubectl = kubectlOf(folder, kubeconfig);
  const stop = new AbortController();
  try {
    const isReady = waitFor(async () => (await kubectl(["get", "--raw", "/readyz"])).isDone, {
      what: "the API server",
      timeoutMs: 90_000,
      everyMs: 200,
      signal: stop.signal,
    });
    const ended = Promise.race(children).then((child) => {
      throw new Error(`${child.command} ended`);
    });
    await Promise.race([isReady, ended]);
  } catch (cause) {
    stop.abort();
    const log = await readFile(join(folder, "kube-apiserver.log"), "utf8").catch(() => "");
    await dispose();
    throw new Error(`the API server did not start:\n${log.slice(-2000)}`, { cause });
  }
  return {
    url,
    caPem: await readFile(join(folder, "ca.crt"), "utf8"),
    kubectl,
    signClient: (csrPem, seconds) => signClient(folder, csrPem, seconds),
    freeze: () => void children[1]?.kill("SIGSTOP"),
    thaw: () => void children[1]?.kill("SIGCONT"),
    [Symbol.asyncDispose]: dispose,
  };
}

function startEtcd(folder: string, port: number, peerPort: number) {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return start(folder, "etcd", {
    name: "test",
    "data-dir": join(folder, "etcd-data"),
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `test=${peer}`,
    "unsafe-no-fsync": "true",
    "log-level": "warn",
  });
}

function startServer(folder: string, etcdPort: number, port: number) {
  const file = (name: string): string => join(folder, name);
  return start(folder, "kube-apiserver", {
    "etcd-servers": `http://127.0.0.1:${etcdPort}`,
    "secure-port": String(port),
    "bind-address": "127.0.0.1",
    "advertise-address": "127.0.0.1",
    "cert-dir": file("certificates"),
    "client-ca-file": file("ca.crt"),
    "tls-cert-file": file("server.crt"),
    "tls-private-key-file": file("server.key"),
    "token-auth-file": file("tokens.csv"),
    "authorization-mode": "RBAC",
    "service-cluster-ip-range": "10.96.0.0/16",
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": file("service-accounts.key"),
    "service-account-signing-key-file": file("service-accounts.key"),
    // Needs a controller that is not here.
    "disable-admission-plugins": "ServiceAccount",
  });
}

function start(folder: string, name: string, flags: Readonly<Record<string, string>>) {
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const log = { file: join(folder, `${name}.log`) };
  // Killed at the end on purpose, so its end is never an error.
  return execa(join(folder, name), args, { stdin: "ignore", stdout: log, stderr: log, reject: false });
}

function kubectlOf(folder: string, kubeconfig: string) {
  return async (args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> => {
    const as =
      options.user === undefined
        ? []
        : [`--as=${options.user}`, ...(options.groups ?? []).map((group) => `--as-group=${group}`)];
    const { input } = options;
    const objects = Array.isArray(input)
      ? { apiVersion: "v1", kind: "List", items: input as unknown[] }
      : input;
    const result = await execa(join(folder, "kubectl"), [`--kubeconfig=${kubeconfig}`, ...as, ...args], {
      reject: false,
      // `delete` waits for finalizers, for ever if nobody is there to take them off.
      timeout: 60_000,
      env: { KUBECACHEDIR: join(folder, "kubectl-cache") },
      ...(input === undefined ? { stdin: "ignore" as const } : { input: JSON.stringify(objects) }),
    });
    return { isDone: !result.failed, stdout: String(result.stdout), stderr: String(result.stderr) };
  };
}

function adminKubeconfig(url: string, folder: string) {
  const name = "test";
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: url, "certificate-authority": join(folder, "ca.crt") } }],
    users: [{ name, user: { token: ADMIN_TOKEN } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
}

async function makeKeys(folder: string): Promise<void> {
  await mkdir(join(folder, "certificates"));
  const openssl = (...args: string[]) => execa("openssl", args, { cwd: folder });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=test",
    "-days",
    "2",
  );
  await openssl(
    "req",
    ...newKey,
    "-keyout",
    "server.key",
    "-out",
    "server.csr",
    "-subj",
    "/CN=kube-apiserver",
  );
  await writeFile(
    join(folder, "server.ext"),
    "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n",
  );
  const sign = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
  await openssl(
    "x509",
    "-req",
    "-in",
    "server.csr",
    ...sign,
    "-out",
    "server.crt",
    "-days",
    "2",
    "-extfile",
    "server.ext",
  );
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const mode = { mode: 0o600 };
  await writeFile(
    join(folder, "service-accounts.key"),
    privateKey.export({ type: "sec1", format: "pem" }),
    mode,
  );
  await writeFile(join(folder, "tokens.csv"), `${ADMIN_TOKEN},admin,admin,system:masters\n`, mode);
  await writeFile(join(folder, "signer.cnf"), SIGNER);
  await writeFile(join(folder, "signed.txt"), "");
}

const SIGNER = `
[ca]
default_ca = signer
[signer]
certificate = ca.crt
private_key = ca.key
database = signed.txt
new_certs_dir = certificates
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
preserve = yes
x509_extensions = client
[any]
organizationName = supplied
commonName = supplied
[client]
extendedKeyUsage = clientAuth
`;

async function signClient(folder: string, csrPem: string, seconds: number): Promise<string> {
  const at = (ms: number): string => `${new Date(ms).toISOString().replace(/[-:T]|\.\d+Z/g, "")}Z`;
  const now = Date.now();
  // Kubernetes' signer, too, dates a certificate back for clocks that are behind.
  const dates = ["-startdate", at(now - 300_000), "-enddate", at(now + seconds * 1000)];
  await writeFile(join(folder, "client.csr"), csrPem);
  const args = ["ca", "-batch", "-notext", "-config", "signer.cnf", "-in", "client.csr", ...dates];
  return (await execa("openssl", args, { cwd: folder })).stdout;
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((done, fail) => {
        server.once("error", fail);
        server.listen(0, "127.0.0.1", () => done(server));
      });
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
