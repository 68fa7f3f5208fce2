import type { Finding } from "./catalogue.ts";
import { checkCertificates, checkKubernetes } from "./checks/kubernetes.ts";
import { checkForeignFirewall } from "./checks/firewall.ts";
import { checkClock } from "./checks/clock.ts";
import { checkKernel, checkResources } from "./checks/machine.ts";
import { checkDiscovery, checkLinks, checkMembers, checkMesh, checkPaths } from "./checks/network.ts";
import { checkProblems } from "./checks/problems.ts";
import { checkUnits } from "./checks/units.ts";
import type { MachineFacts } from "./facts.ts";

/** From the bottom up: what is found first is often the cause of what comes after it. */
const CHECKS: readonly ((facts: MachineFacts) => readonly Finding[])[] = [
  checkKernel,
  checkResources,
  checkLinks,
  checkUnits,
  checkClock,
  checkProblems,
  checkForeignFirewall,
  checkDiscovery,
  checkMesh,
  checkPaths,
  checkMembers,
  checkCertificates,
  checkKubernetes,
];

/** What is wrong on one machine, causes before their effects; errors and warnings in that order. Pure. */
export function diagnose(facts: MachineFacts): readonly Finding[] {
  const findings = CHECKS.flatMap((check) => check(facts));
  return [
    ...findings.filter(({ severity }) => severity === "error"),
    ...findings.filter(({ severity }) => severity === "warning"),
  ];
}
