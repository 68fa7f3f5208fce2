import { finding, type Finding } from "../catalogue.ts";
import type { MachineFacts, UnitFacts } from "../facts.ts";

/** When each unit has to run, by what the machine has become. Also the list of units that are looked at. */
const NEEDED: Readonly<Record<string, "always" | "member" | "kubernetes" | "when-failed">> = {
  "cluster-os-bootstrap.service": "always",
  // Only where the kernel has no WireGuard.
  "cluster-os-wireguard.service": "when-failed",
  "chrony.service": "member",
  "containerd.service": "kubernetes",
  "cluster-os-images.service": "when-failed",
  "cluster-os-balancer.service": "kubernetes",
  "kubelet.service": "kubernetes",
  "k3s.service": "when-failed",
  "k3s-agent.service": "when-failed",
  "cluster-os-node-agent.service": "kubernetes",
};

/** Units of kubeadm's that k3s, which has all of it in one, does without. */
const REPLACED_BY_K3S: readonly string[] = ["containerd.service", "kubelet.service"];

export const UNITS: readonly string[] = Object.keys(NEEDED);

export function checkUnits(facts: MachineFacts): readonly Finding[] {
  const units = facts.units ?? [];
  const hasK3s = units.some(({ name, isLoaded }) => name === "k3s.service" && isLoaded);
  return units
    .filter(({ name }) => !(hasK3s && REPLACED_BY_K3S.includes(name)))
    .filter((unit) => isNeeded(unit, facts) && !isWell(unit))
    .map((unit) => {
      const { name, lastLine } = unit;
      const why = lastLine === undefined ? {} : { why: `the last line of its log: ${lastLine}` };
      return finding("unit-down", describe(unit), {
        ...why,
        remedy: unit.isLoaded
          ? `mend what its log names (\`journalctl -u ${name}\`), then \`systemctl start ${name}\``
          : "install the packages cluster-os and cluster-os-kubernetes (or cluster-os-k3s)",
      });
    });
}

function isNeeded({ name, activeState, subState }: UnitFacts, { status }: MachineFacts): boolean {
  if (activeState === "failed" || subState === "auto-restart") return true;
  switch (NEEDED[name]) {
    case "always":
      return true;
    case "member":
      return status?.clusterId !== undefined;
    case "kubernetes":
      return status?.kubernetes.state === "ready" || status?.kubernetes.state === "starting";
    case "when-failed":
    case undefined:
      return false;
    default:
      return NEEDED[name] satisfies never;
  }
}

function isWell({ activeState, subState }: UnitFacts): boolean {
  return ["active", "reloading", "activating"].includes(activeState) && subState !== "auto-restart";
}

function describe({ name, isLoaded, activeState, subState, result }: UnitFacts): string {
  if (!isLoaded) return `${name} is not installed`;
  if (subState === "auto-restart") return `${name} dies again and again (${result})`;
  if (activeState === "failed") return `${name} has failed (${result})`;
  return `${name} is ${activeState}`;
}
