import { KubernetesError } from "../../errors.ts";
import { K3S } from "../../k3s-settings.ts";
import { endOfCertificate, judgeCertificates, type CertificateState } from "../../plan/certificates.ts";
import { systemctl, type Context } from "../context.ts";
import { knownPlacement } from "../machine.ts";
import { ownApiServer } from "../own-api-server.ts";
import { adoptAccess, lookAtK3s } from "./machine.ts";
import { START_TIMEOUT_MS } from "./unit.ts";

const DAY_MS = 86_400_000;

/**
 * k3s makes certificates for a year, and whenever it starts it renews those that end within 120 days (docs.k3s.io, "k3s
 * certificate"). Two days later, so that it surely thinks so too.
 */
const RENEWED_WITHIN_MS = 118 * DAY_MS;

const OF_SERVERS = [`${K3S.server}/tls/client-admin.crt`, `${K3S.server}/tls/serving-kube-apiserver.crt`];
const OF_ALL = [`${K3S.agent}/client-kubelet.crt`, `${K3S.agent}/serving-kubelet.crt`];

/** How things stand with k3s' certificates on a server or a worker. */
export async function certificateState({ host, clock }: Context): Promise<CertificateState> {
  const texts = await Promise.all([...OF_SERVERS, ...OF_ALL].map((path) => host.readFile(path)));
  const ends = texts.flatMap((text) => (text === undefined ? [] : [endOfCertificate(text)]));
  return judgeCertificates(ends, { wallTime: clock.wallTime(), lifeMs: 3 * RENEWED_WITHIN_MS });
}

/** Has k3s start again: the pods go on. */
export async function renewCertificates(context: Context, signal: AbortSignal): Promise<void> {
  const { kind, unit } = await lookAtK3s(context);
  if (kind === "none") return;
  await systemctl(context, "restart", unit, signal, START_TIMEOUT_MS);
  if (kind === "server") {
    await ownApiServer(context, await knownPlacement(context), signal, K3S.serverCa);
    await adoptAccess(context);
  }
  const state = await certificateState(context);
  if (state !== "current")
    throw new KubernetesError(`k3s started anew, and its certificates are ${state} all the same`);
}
