import { waitFor } from "@cluster-os/std/drivers";
import { z } from "zod";
import { KubernetesError } from "../errors.ts";
import {
  certificateOfKubeconfig,
  endOfCertificate,
  judgeCertificates,
  type CertificateState,
} from "../plan/certificates.ts";
import { renderRenewalConfiguration } from "../render/kubeadm.ts";
import { stampOf, withStamp } from "../render/stamp.ts";
import { CONTROL_PLANE_PODS, PATHS } from "../settings.ts";
import { runningContainers } from "./containers.ts";
import { kubeadm, together, type Context } from "./context.ts";
import { readOwn } from "./credentials.ts";
import { knownPlacement } from "./machine.ts";
import { installedVersion } from "./version.ts";
import { ownApiServer } from "./own-api-server.ts";
import { ownEtcd } from "./own-etcd.ts";
import { withSecretFile } from "./secret-files.ts";

const PKI = `${PATHS.kubernetes}/pki`;

/** Pairs of a certificate and its key that `kubeadm certs renew all` makes anew, without their suffixes. */
const PAIRS = {
  etcd: [`${PKI}/etcd/server`, `${PKI}/etcd/peer`, `${PKI}/etcd/healthcheck-client`],
  "kube-apiserver": [
    `${PKI}/apiserver`,
    `${PKI}/apiserver-kubelet-client`,
    `${PKI}/apiserver-etcd-client`,
    `${PKI}/front-proxy-client`,
  ],
  "kube-controller-manager": [],
  "kube-scheduler": [],
} as const satisfies Record<(typeof CONTROL_PLANE_PODS)[number], readonly string[]>;

/** Access that it makes anew; who reads it reads it only when it starts. */
const KUBECONFIGS = {
  etcd: [],
  "kube-apiserver": [],
  "kube-controller-manager": [`${PATHS.kubernetes}/controller-manager.conf`],
  "kube-scheduler": [`${PATHS.kubernetes}/scheduler.conf`],
} as const satisfies Record<(typeof CONTROL_PLANE_PODS)[number], readonly string[]>;
/** People's access, which no program is started with. The last is on the first server alone. */
const ADMINISTRATORS = [PATHS.adminKubeconfig, `${PATHS.kubernetes}/super-admin.conf`];

const ALL_PAIRS = CONTROL_PLANE_PODS.flatMap((pod): readonly string[] => PAIRS[pod]);
const ALL_KUBECONFIGS = [
  ...CONTROL_PLANE_PODS.flatMap((pod): readonly string[] => KUBECONFIGS[pod]),
  ...ADMINISTRATORS,
];

/**
 * A renewal that is under way, and what there was before it: kubeadm replaces file by file, and not at once, so a loss of power may
 * leave halves. Empty once all are whole and new. In the folder of keys, because there is none on a machine that is a server no more.
 */
const UNDER_WAY = `${PKI}/renewal.json`;
const Before = z.record(z.string(), z.string());
type Before = z.infer<typeof Before>;

/** How things stand with the certificates of a server; those of a worker are its kubelet's, which renews them itself. */
export async function certificateState(context: Context): Promise<CertificateState> {
  const { host, clock, certificateLifeMs } = context;
  if ((await host.readFile(`${PATHS.manifests}/kube-apiserver.yaml`)) === undefined) return "current";
  if ((await host.readFile(UNDER_WAY)) !== undefined) return "begun";
  const ends = (await readCertificates(context)).map(endOfCertificate);
  return judgeCertificates(ends, { wallTime: clock.wallTime(), lifeMs: certificateLifeMs });
}

/** Renews them all, and has everything that runs here take them up, one program after the other. */
export async function renewCertificates(context: Context, signal: AbortSignal): Promise<void> {
  const { host } = context;
  const placement = await knownPlacement(context);
  const kept = await host.readFile(UNDER_WAY);
  if (kept !== "{}")
    await renewFiles(context, kept === undefined ? undefined : Before.parse(JSON.parse(kept)), signal);
  await restart(context, "etcd", signal);
  await ownEtcd(context, placement.nodeName, signal);
  await restart(context, "kube-apiserver", signal);
  await ownApiServer(context, placement, signal);
  await together(
    signal,
    (both) => restart(context, "kube-controller-manager", both),
    (both) => restart(context, "kube-scheduler", both),
  );
  await host.remove(UNDER_WAY);
  const state = await certificateState(context);
  if (state !== "current") {
    throw new KubernetesError(
      `kubeadm renewed the certificates of this server, and they are ${state} all the same`,
    );
  }
}

/** `kept` is what an earlier try had put aside. When kubeadm fails, all is as it was. */
async function renewFiles(context: Context, kept: Before | undefined, signal: AbortSignal): Promise<void> {
  const { host } = context;
  if (kept) await putBack(context, kept);
  const before = kept ?? (await readAll(context));
  await host.writeFile(UNDER_WAY, JSON.stringify(before), 0o600);
  const configuration = renderRenewalConfiguration(
    await installedVersion(context),
    await knownPlacement(context),
    context.certificateLifeMs,
  );
  try {
    await withSecretFile(context, "renewal.yaml", configuration, (path) =>
      kubeadm(context, "renew-certificates", ["certs", "renew", "all", "--config", path], signal),
    );
  } catch (error) {
    await putBack(context, before);
    await host.remove(UNDER_WAY);
    throw error;
  }
  await host.writeFile(UNDER_WAY, "{}", 0o600);
}

/** Everything that kubeadm is about to replace, by its path. */
async function readAll({ host }: Context): Promise<Before> {
  const pairs = ALL_PAIRS.flatMap((pair) => [`${pair}.crt`, `${pair}.key`]);
  const all: Before = {};
  for (const path of [...pairs, ...ALL_KUBECONFIGS]) {
    const content = await host.readFile(path);
    if (content !== undefined) all[path] = content;
  }
  return all;
}

async function putBack({ host }: Context, before: Before): Promise<void> {
  for (const [path, content] of Object.entries(before))
    await host.writeFile(path, content, path.endsWith(".crt") ? 0o644 : 0o600);
}

/** All there are, as PEM. One that is missing is not for a renewal to mend. */
async function readCertificates({ host }: Context): Promise<readonly string[]> {
  const certificates = await Promise.all(ALL_PAIRS.map((pair) => host.readFile(`${pair}.crt`)));
  const kubeconfigs = await Promise.all(ALL_KUBECONFIGS.map((path) => host.readFile(path)));
  return [
    ...certificates.flatMap((pem) => pem ?? []),
    ...kubeconfigs.flatMap((text) => (text === undefined ? [] : [certificateOfKubeconfig(text)])),
  ];
}

/** The certificates that a program is started with, as PEM. All of them have to be there. */
async function certificatesOf(
  context: Context,
  pod: (typeof CONTROL_PLANE_PODS)[number],
): Promise<readonly string[]> {
  const certificates = PAIRS[pod].map((pair) => readOwn(context, `${pair}.crt`));
  const access = KUBECONFIGS[pod].map(async (path) => certificateOfKubeconfig(await readOwn(context, path)));
  return Promise.all([...certificates, ...access]);
}

/** Changes the pod's manifest, which has the kubelet start it anew, and waits for the container that follows. */
async function restart(
  context: Context,
  pod: (typeof CONTROL_PLANE_PODS)[number],
  signal: AbortSignal,
): Promise<void> {
  const { host } = context;
  const path = `${PATHS.manifests}/${pod}.yaml`;
  const before = await runningContainers(context, [pod], signal);
  const manifest = await readOwn(context, path);
  const stamped = withStamp(manifest, stampOf(await certificatesOf(context, pod)));
  if (stamped === manifest) return;
  // Written elsewhere and moved there: whatever lies in that folder, the kubelet takes for a pod.
  const draft = `${PATHS.kubernetes}/${pod}.yaml.new`;
  await host.writeFile(draft, stamped, 0o600);
  await host.move(draft, path);
  await waitFor(
    async () => {
      const now = await runningContainers(context, [pod], signal);
      return now.length > 0 && now.every((id) => !before.includes(id));
    },
    { what: `another ${pod}`, timeoutMs: 120_000 * host.patience, everyMs: 500 * host.patience, signal },
  );
}
