import type { JoinCredentials } from "../credentials.ts";
import type { KubeconfigRequest } from "../distribution.ts";
import { KubernetesError } from "../errors.ts";
import { renderClusterConfiguration, renderUploadCertsConfiguration } from "../render/kubeadm.ts";
import { readSecretsKey, renderBootstrapToken } from "../render/secrets.ts";
import { PATHS } from "../settings.ts";
import { execute, kubeadm, type Context } from "./context.ts";
import { KubeApi } from "./kube-api.ts";
import { knownPlacement } from "./machine.ts";
import { installedVersion } from "./version.ts";
import { bootstrapToken, certificateKey, withSecretFile } from "./secret-files.ts";

/** How long a machine has from being given credentials to having joined, in milliseconds. */
const TOKEN_LIFETIME_MS = 15 * 60_000;

/** The group whose members kubeadm lets ask for a node's certificate. */
export const BOOTSTRAP_GROUP = "system:bootstrappers:kubeadm:default-node-token";

export async function mintCredentials(
  context: Context,
  role: "server" | "worker",
  signal: AbortSignal,
): Promise<JoinCredentials> {
  const distribution = "kubeadm";
  const api = await KubeApi.open(context.host, PATHS.adminKubeconfig);
  const caCertificate = await readOwn(context, PATHS.caCertificate);
  const token = await mintBootstrapToken(context, api, { role, group: BOOTSTRAP_GROUP }, signal);
  if (role === "worker") return { distribution, role, token, caCertificate };
  const key = certificateKey(context.rng);
  const configuration = renderUploadCertsConfiguration(
    await installedVersion(context),
    await knownPlacement(context),
    key,
  );
  await withSecretFile(context, "upload-certs.yaml", configuration, (path) =>
    kubeadm(
      context,
      "upload-certs",
      ["init", "phase", "upload-certs", "--upload-certs", "--config", path],
      signal,
    ),
  );
  const secretsKey = readSecretsKey(await readOwn(context, PATHS.secretsEncryption));
  return { distribution, role, token, caCertificate, certificateKey: key, secretsKey };
}

/** A new bootstrap token that lives long enough for one join. */
export async function mintBootstrapToken(
  { rng, clock }: Context,
  api: KubeApi,
  { role, group }: { readonly role: "server" | "worker"; readonly group: string },
  signal: AbortSignal,
): Promise<string> {
  const token = bootstrapToken(rng);
  const expiresAt = clock.wallTime() + TOKEN_LIFETIME_MS;
  await api.apply(
    renderBootstrapToken({ token, expiresAt, group, description: `one join of a ${role}` }),
    signal,
  );
  return token;
}

export async function issueKubeconfig(
  context: Context,
  request: KubeconfigRequest,
  signal: AbortSignal,
): Promise<void> {
  const { addressPlan } = await knownPlacement(context);
  const kubeconfig = await withSecretFile(
    context,
    "cluster.yaml",
    renderClusterConfiguration(await installedVersion(context), addressPlan),
    (path) =>
      execute(
        context,
        "kubeadm",
        [
          ...["kubeconfig", "user", "--config", path, "--client-name", request.commonName],
          ...request.organizations.flatMap((organization) => ["--org", organization]),
          ...["--validity-period", `${request.validityHours}h0m0s`],
        ],
        signal,
      ),
  );
  await context.host.writeFile(request.path, `${kubeconfig}\n`, 0o600);
}

/** A file that every server has. */
export async function readOwn({ host }: Context, path: string): Promise<string> {
  const content = await host.readFile(path);
  if (content === undefined)
    throw new KubernetesError(`there is no ${path}: this machine is no control-plane server`);
  return content;
}
