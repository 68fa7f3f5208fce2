import { finding, type Finding } from "../catalogue.ts";
import type { CertificateFacts, MachineFacts } from "../facts.ts";

const DAY_MS = 86_400_000;

/** Only what was there once can be missed: before, bootstrap is at it. */
export function checkKubernetes({ status, cluster, api }: MachineFacts): readonly Finding[] {
  const { voters } = cluster?.controlPlane ?? { voters: [] };
  const ill = voters.filter(({ healthy }) => !healthy);
  const majority = Math.floor(voters.length / 2) + 1;
  const healthy = voters.length - ill.length;
  const stillWrites = `the API still takes writes: ${healthy} of ${voters.length} voters are enough`;
  return [
    ...(api && !api.isReady && status?.kubernetes.state !== "waiting"
      ? [finding("api-unreachable", `the Kubernetes API does not answer: ${api.answer}`)]
      : []),
    ...ill.map(({ name }) =>
      finding(
        "etcd-unhealthy",
        `voter ${name} does not answer`,
        healthy >= majority ? { severity: "warning", why: stillWrites } : {},
      ),
    ),
  ];
}

export function checkCertificates({ certificates, nowMs }: MachineFacts): readonly Finding[] {
  return (certificates ?? []).flatMap((certificate) => {
    const { path, validFrom, validTo } = certificate;
    if (nowMs < validFrom)
      return [
        finding("certificate-invalid", `${path} is valid only from ${date(validFrom)}`, {
          why: "this clock is behind, or its maker's was ahead",
        }),
      ];
    if (nowMs > validTo) return [finding("certificate-invalid", `${path} ended ${date(validTo)}`)];
    return validTo - nowMs < warningMs(certificate)
      ? [finding("certificate-ending", `${path} ends ${date(validTo)}`)]
      : [];
  });
}

/** Two weeks, or a tenth of a short life: those are renewed earlier than that. */
function warningMs({ validFrom, validTo }: CertificateFacts): number {
  return Math.min(14 * DAY_MS, (validTo - validFrom) / 10);
}

function date(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}
