import { finding, type Finding } from "../catalogue.ts";
import { whyNobodyIsHeard } from "./silence.ts";
import type { MachineFacts } from "../facts.ts";

/** So many beacons unanswered are no accident: ten seconds of a machine without a cluster. */
const BEACONS_ENOUGH = 20;
/** Members announce themselves every few seconds; none for so long means that none arrives. */
const SILENCE_MS = 60_000;
/** WireGuard gives a session up three minutes after its handshake (REJECT_AFTER_TIME). */
const SESSION_MS = 180_000;

export function checkLinks({ interfaces }: MachineFacts): readonly Finding[] {
  if (!interfaces) return [];
  if (interfaces.length === 0)
    return [finding("no-interface", "no network interface of this machine leads to others")];
  if (interfaces.some((one) => one.isUp && one.hasCarrier && one.addresses.length > 0)) return [];
  return interfaces.map(({ name, isUp, hasCarrier }) => {
    if (!isUp)
      return finding("link-down", `${name} is switched off`, {
        why: "the interface is administratively down",
        remedy: `switch it on: \`ip link set ${name} up\``,
      });
    if (!hasCarrier) return finding("link-down", `${name} has no link`);
    return finding("no-address", `${name} has no address`);
  });
}

export function checkDiscovery(facts: MachineFacts): readonly Finding[] {
  const { status, interfaces } = facts;
  if (!status) return [];
  const { discovery, clusterId, members } = status;
  const hasLink = interfaces?.some((one) => one.hasCarrier && one.isUp) ?? true;
  if (!hasLink || discovery.beaconsSent < BEACONS_ENOUGH) return [];
  const on = discovery.interfaces.length === 0 ? "no interface" : discovery.interfaces.join(", ");
  const silentForMs = discovery.silentForMs ?? Infinity;
  const findings: Finding[] = [];
  if (clusterId === undefined && silentForMs > SILENCE_MS) findings.push(whyNobodyIsHeard(facts, on));
  if (clusterId !== undefined && members.alive > 1 && silentForMs > SILENCE_MS)
    findings.push(
      finding(
        "multicast-filtered",
        `${members.alive - 1} members answer, but no beacon of theirs arrives on ${on}`,
      ),
    );
  if (discovery.unheardBy > 0)
    findings.push(
      finding(
        "not-heard-by-others",
        `${discovery.unheardBy} machines that are heard here hear nobody themselves`,
      ),
    );
  const { expect, candidates } = discovery;
  if (clusterId === undefined && expect !== undefined && candidates > 1 && candidates < expect)
    findings.push(
      finding(
        "waiting-for-machines",
        `${candidates} machines with this join key are here, and ${expect} are expected`,
      ),
    );
  return findings;
}

export function checkMesh({ status, kernel }: MachineFacts): readonly Finding[] {
  if (status?.mesh?.implementation !== "userspace" || kernel?.hasWireGuard !== true) return [];
  return [finding("mesh-in-program", "the mesh runs in a program, and the kernel has WireGuard")];
}

export function checkPaths({ paths = [] }: MachineFacts): readonly Finding[] {
  return paths
    .filter(({ carries }) => carries === "small")
    .map(({ peer, bytes }) =>
      finding("path-too-narrow", `${peer} answers small packets, and none of ${bytes} bytes`),
    );
}

export function checkMembers({ status, nowMs }: MachineFacts): readonly Finding[] {
  if (!status) return [];
  const { failed } = status.members;
  const silent = (status.mesh?.peers ?? []).filter(
    ({ isAlive, lastHandshakeMs }) => isAlive && nowMs - (lastHandshakeMs ?? 0) > SESSION_MS,
  );
  return [
    ...(failed === 0
      ? []
      : [
          finding(
            "member-failed",
            failed === 1 ? "one member does not answer" : `${failed} members do not answer`,
          ),
        ]),
    ...silent.map(({ name, endpoint }) =>
      finding(
        "peer-silent",
        `no encrypted packet from ${name}${endpoint === undefined ? "" : ` (${endpoint})`} for three minutes`,
      ),
    ),
  ];
}
