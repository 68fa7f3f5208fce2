import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";

/** Who asks: a client certificate, or a token that is asked for again at each call. */
export type Credentials =
  { readonly cert: string; readonly key: string } | { readonly token: () => Promise<string> };

/** Where the API is and who asks it. Certificates and keys are PEM texts. */
export interface Connection {
  /** For example `https://127.0.0.1:7443`. */
  readonly server: string;
  /** Who may have signed the server's certificate; left out, the system's authorities. */
  readonly ca?: string | undefined;
  readonly credentials?: Credentials;
  /** The name that the server's certificate has to have, if it is not the one in `server`. */
  readonly serverName?: string | undefined;
}

export interface ConnectionFiles {
  readonly server: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A connection with the certificates in these files, as they are now. */
export async function connectionFromFiles(files: ConnectionFiles): Promise<Connection> {
  const [ca, cert, key] = await Promise.all([
    readFile(files.caFile, "utf8"),
    readFile(files.certFile, "utf8"),
    readFile(files.keyFile, "utf8"),
  ]);
  return { server: files.server, ca, credentials: { cert, key } };
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** A name that every API server's certificate has, whatever the address at which a pod is told to ask. */
const SERVICE_NAME = "kubernetes.default.svc";

/** The connection of a pod, as its service account. The kubelet replaces the token before it expires. */
export async function connectionInCluster(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  folder = SERVICE_ACCOUNT,
): Promise<Connection> {
  const host = environment["KUBERNETES_SERVICE_HOST"];
  const port = environment["KUBERNETES_SERVICE_PORT"];
  if (!host || !port)
    throw new Error(
      "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; give a kubeconfig instead",
    );
  const ca = await readFile(`${folder}/ca.crt`, "utf8");
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { server, ca, serverName: SERVICE_NAME, credentials: { token: tokenOfFile(`${folder}/token`) } };
}

/** A token that is read again once it is a minute old, as client-go does. */
function tokenOfFile(path: string): () => Promise<string> {
  let token = "";
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - readAt > 60_000) {
      token = (await readFile(path, "utf8")).trim();
      readAt = performance.now();
    }
    return token;
  };
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly contexts?: readonly Named<"context", { readonly cluster: string; readonly user: string }>[];
  readonly clusters?: readonly Named<"cluster", Fields>[];
  readonly users?: readonly Named<"user", Fields>[];
}
type Fields = Readonly<Record<string, unknown>>;
type Named<Word extends string, T> = { readonly name: string } & { readonly [key in Word]: T };

/**
 * The current context of a kubeconfig file, or `context`. Certificates and tokens, in the file or named by it; a user by
 * a plugin (exec) is refused.
 */
export async function connectionFromKubeconfig(path: string, context?: string): Promise<Connection> {
  const config = parse(await readFile(path, "utf8")) as Kubeconfig;
  const find = <Word extends string, T>(
    word: Word,
    entries: readonly Named<Word, T>[] | undefined,
    name: string | undefined,
  ): T => {
    const entry = entries?.find((one) => one.name === name);
    if (entry === undefined) throw new Error(`${path} has no ${word} "${name}"`);
    return entry[word];
  };
  const { cluster, user } = find("context", config.contexts, context ?? config["current-context"]);
  const place = find("cluster", config.clusters, cluster);
  const person = find("user", config.users, user);
  const text = (fields: Fields, name: string): Promise<string | undefined> => pemOf(path, fields, name);
  if (person["exec"] !== undefined || person["auth-provider"] !== undefined)
    throw new Error(
      `${path}: user "${user}" is known by a plugin; only certificates and tokens are read here`,
    );
  const server = place["server"] as string;
  const serverName = place["tls-server-name"] as string | undefined;
  const ca = await text(place, "certificate-authority");
  const cert = await text(person, "client-certificate");
  const key = await text(person, "client-key");
  if (cert !== undefined && key !== undefined) return { server, ca, serverName, credentials: { cert, key } };
  const token = person["token"] as string | undefined;
  if (token !== undefined)
    return { server, ca, serverName, credentials: { token: () => Promise.resolve(token) } };
  const tokenFile = person["tokenFile"] as string | undefined;
  if (tokenFile === undefined)
    throw new Error(`${path}: user "${user}" has neither a certificate with its key nor a token`);
  return { server, ca, serverName, credentials: { token: tokenOfFile(resolve(dirname(path), tokenFile)) } };
}

/** `<name>-data` in base64, or the content of the file that `<name>` names, relative to the kubeconfig. */
async function pemOf(path: string, fields: Fields, name: string): Promise<string | undefined> {
  const data = fields[`${name}-data`] as string | undefined;
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  const file = fields[name] as string | undefined;
  return file === undefined ? undefined : await readFile(resolve(dirname(path), file), "utf8");
}
