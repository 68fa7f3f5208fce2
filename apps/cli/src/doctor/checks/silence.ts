import { finding, type Finding } from "../catalogue.ts";
import type { InterfaceFacts, MachineFacts } from "../facts.ts";

/** Bridges of a person's own that bootstrap takes for containers'; a name of twelve digits is one of docker's. */
const PASSED_OVER = /^br-(?![0-9a-f]{12}$)/;

/**
 * Announcements go out and no machine is heard: the likeliest cause that the facts show. `on` are the interfaces on which this
 * machine looks for others, in words.
 */
export function whyNobodyIsHeard(facts: MachineFacts, on: string): Finding {
  return wrongInterface(facts) ?? clientIsolation(facts) ?? nobodyHeard(facts, on);
}

function nobodyHeard({ status }: MachineFacts, on: string): Finding {
  const sent = status?.discovery.beaconsSent ?? 0;
  return finding("nobody-heard", `${sent} beacons went out on ${on}, and no machine is heard`);
}

/**
 * No machine answers where this one looks, and some do on an interface that it passes over: a bridge, or one that is named like a
 * container's. Or the one with machines on it has lost its link.
 */
function wrongInterface(facts: MachineFacts): Finding | undefined {
  const { interfaces = [], neighbours = [], status } = facts;
  const used = status?.discovery.interfaces ?? [];
  const hosts = neighbours.filter(({ answers, isRouter }) => answers && !isRouter);
  if (hosts.some((host) => used.includes(host.interface))) return undefined;
  const elsewhere = hosts.find((host) => PASSED_OVER.test(host.interface));
  if (elsewhere)
    return finding(
      "wrong-interface",
      `machines answer on ${elsewhere.interface}, which is passed over, and none on ${words(used)}`,
    );
  const dead = interfaces.find((one) => !isLive(one));
  const live = interfaces.filter(isLive);
  if (!dead || live.length === 0) return undefined;
  return finding(
    "wrong-interface",
    `nobody is heard on ${words(live.map(({ name }) => name))}, and ${dead.name} is ${dead.isUp ? "without a link" : "switched off"}`,
    { severity: "warning" },
  );
}

/** A router answers and no other machine does: an access point, or a switch's port, that lets its clients reach only the router. */
function clientIsolation({ interfaces = [], neighbours = [], status }: MachineFacts): Finding | undefined {
  const used = status?.discovery.interfaces ?? [];
  for (const { name, isWireless } of interfaces.filter((one) => isLive(one) && used.includes(one.name))) {
    const there = neighbours.filter((one) => one.interface === name);
    const router = there.find(({ isRouter, answers }) => isRouter && answers);
    const hosts = there.filter(({ isRouter }) => !isRouter);
    if (!router || hosts.some(({ answers }) => answers)) continue;
    // On a cable, a network of one machine looks the same, unless another one was asked for in vain.
    if (!isWireless && hosts.length === 0) continue;
    const link = isWireless ? "the access point" : "the switch";
    const asked =
      hosts.length === 0 ? "nobody else" : `not ${hosts.map(({ address }) => address).join(", ")}`;
    return finding(
      "client-isolation",
      `on ${name} the router ${router.address} answers, and ${asked}: ${link} keeps its clients apart`,
    );
  }
  return undefined;
}

function isLive({ isUp, hasCarrier, addresses }: InterfaceFacts): boolean {
  return isUp && hasCarrier && addresses.length > 0;
}

function words(names: readonly string[]): string {
  return names.length === 0 ? "any interface" : names.join(", ");
}
