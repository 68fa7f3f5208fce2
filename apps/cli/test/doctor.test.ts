import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { CATALOGUE, catalogueTable } from "../src/doctor/catalogue.ts";
import { diagnose } from "../src/doctor/diagnose.ts";
import type { InterfaceFacts, MachineFacts, NeighbourFacts, UnitFacts } from "../src/doctor/facts.ts";
import { parseInterfaces, parseNeighbours } from "../src/doctor/parse.ts";
import { UNITS } from "../src/doctor/checks/units.ts";
import { clusterStatus, nodeStatus, NOW_MS } from "./support.ts";

const GIB = 2 ** 30;
const DAY_MS = 86_400_000;

const ETH0: InterfaceFacts = {
  name: "eth0",
  isUp: true,
  hasCarrier: true,
  isWireless: false,
  addresses: ["fe80::1"],
};
const WLAN0: InterfaceFacts = { ...ETH0, name: "wlan0", isWireless: true };
const neighbour = (on: InterfaceFacts | { name: string }, change: Partial<NeighbourFacts> = {}) => ({
  interface: on.name,
  address: "fe80::9",
  isRouter: false,
  answers: true,
  ...change,
});
const unit = (name: string, change: Partial<UnitFacts> = {}): UnitFacts => ({
  name,
  activeState: "active",
  subState: "running",
  result: "success",
  // A machine with kubeadm's Kubernetes: k3s' units are not on it.
  isLoaded: !name.startsWith("k3s"),
  ...change,
});

/** As `nft --json list ruleset` prints it: our own table, which is passed over, and rules of somebody else's for input. */
function ruleset(
  policy: "accept" | "drop" = "accept",
  ...expressions: readonly (readonly object[])[]
): string {
  const base = { type: "filter", hook: "input", prio: 0 };
  const ours = { family: "inet", table: "cluster_os", name: "input" };
  const theirs = { family: "inet", table: "site" };
  return JSON.stringify({
    nftables: [
      { chain: { ...ours, ...base, policy: "drop" } },
      { chain: { ...theirs, ...base, name: "in", policy } },
      ...expressions.map((expr) => ({ rule: { ...theirs, chain: "in", expr } })),
    ],
  });
}

function isPort(protocol: string, port: number): object {
  return { match: { op: "==", left: { payload: { protocol, field: "dport" } }, right: port } };
}

/** A server of a cluster of three, on which nothing is wrong. */
function facts(change: Partial<MachineFacts> = {}): MachineFacts {
  return {
    status: nodeStatus(1),
    silence: undefined,
    cluster: clusterStatus(),
    units: UNITS.map((name) => unit(name)),
    interfaces: [ETH0],
    neighbours: [],
    paths: [{ peer: "n-b", bytes: 1420, carries: "all" }],
    packetFilter: ruleset(),
    memory: { totalBytes: 8 * GIB, availableBytes: 4 * GIB },
    disks: [{ path: "/", sizeBytes: 100 * GIB, availableBytes: 50 * GIB }],
    kernel: {
      hasOverlay: true,
      hasWireGuard: false,
      hasTun: true,
      hasBridgeFilter: true,
      cgroupControllers: ["cpu", "cpuset", "memory", "pids", "io"],
    },
    clock: {
      tracking: { source: "10.86.0.2", isOwnClock: false, stratum: 11, offsetMs: 1 },
      canSetClock: true,
    },
    certificates: [{ path: "/a.crt", validFrom: NOW_MS - 100 * DAY_MS, validTo: NOW_MS + 265 * DAY_MS }],
    api: { isReady: true, answer: "ok" },
    nowMs: NOW_MS,
    ...change,
  };
}

type Status = NonNullable<MachineFacts["status"]>;
const { discovery } = nodeStatus(1);
/** A machine without a cluster that has looked for one for a while. */
const searching = (change: Partial<Status["discovery"]>): MachineFacts =>
  facts({
    status: nodeStatus(1, {
      clusterId: undefined,
      lifecycle: "join",
      members: { alive: 0, suspect: 0, failed: 0, left: 0 },
      kubernetes: { state: "waiting", epoch: 0 },
      discovery: {
        ...discovery,
        stage: "searching",
        expect: 3,
        beaconsSent: 40,
        silentForMs: 300,
        ...change,
      },
    }),
    cluster: undefined,
    api: undefined,
    clock: undefined,
  });
/** It has looked for long on these interfaces, and heard nobody. */
const alone = (
  interfaces: readonly InterfaceFacts[],
  ...neighbours: readonly NeighbourFacts[]
): MachineFacts => ({
  ...searching({
    silentForMs: undefined,
    interfaces: interfaces.filter(({ hasCarrier, isUp }) => hasCarrier && isUp).map(({ name }) => name),
  }),
  interfaces,
  neighbours,
});
const says = (kind: string, message: string, change: Partial<Status> = {}): MachineFacts =>
  facts({ status: nodeStatus(1, { problems: [{ kind, message }], ...change }) });
const kernel = (change: Partial<NonNullable<MachineFacts["kernel"]>>): MachineFacts =>
  facts({ kernel: { ...(facts().kernel as NonNullable<MachineFacts["kernel"]>), ...change } });
const withUnit = (name: string, change: Partial<UnitFacts>): MachineFacts =>
  facts({ units: UNITS.map((one) => unit(one, one === name ? change : {})) });

interface Case {
  readonly name: string;
  readonly facts: MachineFacts;
  /** "kind severity: a part of what it says", in order. */
  readonly expected: readonly string[];
}

const CASES: readonly Case[] = [
  { name: "nothing on a healthy machine", facts: facts(), expected: [] },
  {
    name: "nothing on a machine that has just begun to look",
    facts: searching({ beaconsSent: 3 }),
    expected: [],
  },
  {
    name: "bootstrap that does not answer, and why",
    facts: facts({ status: undefined, silence: "bootstrap is not running on this machine" }),
    expected: ["bootstrap-silent error: not running"],
  },
  {
    name: "somebody's firewall that knows SSH alone",
    facts: facts({
      packetFilter: ruleset(
        "drop",
        [isPort("tcp", 22), { accept: null }],
        [isPort("udp", 51_820), { accept: null }],
      ),
    }),
    expected: [
      'foreign-firewall error: the table "inet site" of this machine\'s nftables drops announcements of other',
    ],
  },
  {
    name: "somebody's firewall that lets gossip in and drops WireGuard",
    facts: facts({ packetFilter: ruleset("accept", [isPort("udp", 51_820), { drop: null }]) }),
    expected: ["foreign-firewall error: drops WireGuard (UDP 51820) on eth0"],
  },
  {
    name: "nothing of somebody's rules that let the members in",
    facts: facts({
      packetFilter: ruleset(
        "drop",
        [isPort("tcp", 8686), { accept: null }],
        [isPort("udp", 8686), { accept: null }],
        [isPort("udp", 51_820), { accept: null }],
      ),
    }),
    expected: [],
  },
  {
    name: "nothing of rules that cannot be judged, while others are heard",
    facts: facts({ packetFilter: ruleset("drop", [{ xt: null }, { accept: null }]) }),
    expected: [],
  },
  {
    name: "rules that cannot be judged, where nobody is heard",
    facts: {
      ...searching({ silentForMs: 120_000 }),
      packetFilter: ruleset("drop", [{ xt: null }, { accept: null }]),
    },
    expected: ["nobody-heard error: no machine is heard", "foreign-firewall warning: may drop announcements"],
  },
  {
    name: "a firewall that could not be put in place",
    facts: says("firewall-failed", "the firewall is not in place: there is no nft"),
    expected: ["firewall-failed warning: there is no nft"],
  },
  {
    name: "a stopped service",
    facts: withUnit("cluster-os-node-agent.service", { activeState: "inactive", subState: "dead" }),
    expected: ["unit-down error: cluster-os-node-agent.service is inactive"],
  },
  {
    name: "a service that failed, with its last line",
    facts: withUnit("kubelet.service", { activeState: "failed", result: "exit-code", lastLine: "no cgroup" }),
    expected: ["unit-down error: kubelet.service has failed (exit-code)"],
  },
  {
    name: "a service that dies again and again",
    facts: withUnit("cluster-os-wireguard.service", {
      activeState: "activating",
      subState: "auto-restart",
      result: "signal",
    }),
    expected: ["unit-down error: dies again and again (signal)"],
  },
  {
    name: "a service that is not installed",
    facts: withUnit("kubelet.service", { activeState: "inactive", isLoaded: false }),
    expected: ["unit-down error: kubelet.service is not installed"],
  },
  {
    name: "nothing of kubeadm's where k3s replaces it",
    facts: facts({
      units: UNITS.map((name) => {
        const isKubeadms = ["kubelet.service", "containerd.service"].includes(name);
        return unit(name, isKubeadms ? { isLoaded: false, activeState: "inactive" } : { isLoaded: true });
      }),
    }),
    expected: [],
  },
  {
    name: "no Kubernetes service before its time",
    facts: {
      ...searching({ candidates: 3 }),
      units: UNITS.map((name) => unit(name, name.includes("bootstrap") ? {} : { activeState: "inactive" })),
    },
    expected: [],
  },
  {
    name: "an unplugged cable",
    facts: facts({ interfaces: [{ ...ETH0, hasCarrier: false }] }),
    expected: ["link-down error: eth0 has no link"],
  },
  {
    name: "an interface that is switched off",
    facts: facts({ interfaces: [{ ...ETH0, isUp: false, hasCarrier: false }] }),
    expected: ["link-down error: eth0 is switched off"],
  },
  {
    name: "no interface",
    facts: facts({ interfaces: [] }),
    expected: ["no-interface error: no network interface"],
  },
  {
    name: "an interface without an address",
    facts: facts({ interfaces: [{ ...ETH0, addresses: [] }] }),
    expected: ["no-address error: eth0 has no address"],
  },
  {
    name: "nothing of a second card that is not plugged in",
    facts: facts({ interfaces: [ETH0, { ...ETH0, name: "eth1", hasCarrier: false }] }),
    expected: [],
  },
  {
    name: "nobody heard although the link is up",
    facts: searching({ silentForMs: undefined, beaconsHeard: 0 }),
    expected: ["nobody-heard error: 40 beacons went out on eth0"],
  },
  {
    name: "an access point that keeps its clients apart",
    facts: alone([WLAN0], neighbour(WLAN0, { isRouter: true })),
    expected: [
      "client-isolation error: on wlan0 the router fe80::9 answers, and nobody else: the access point",
    ],
  },
  {
    name: "a switch that keeps its ports apart, by a machine that was asked for in vain",
    facts: alone(
      [ETH0],
      neighbour(ETH0, { isRouter: true }),
      neighbour(ETH0, { address: "fe80::2", answers: false }),
    ),
    expected: ["client-isolation error: answers, and not fe80::2: the switch"],
  },
  {
    name: "no isolation on a cable where nobody was asked for",
    facts: alone([ETH0], neighbour(ETH0, { isRouter: true })),
    expected: ["nobody-heard error: 40 beacons"],
  },
  {
    name: "no isolation where another machine answers, though it is no node",
    facts: alone([WLAN0], neighbour(WLAN0, { isRouter: true }), neighbour(WLAN0, { address: "fe80::2" })),
    expected: ["nobody-heard error: 40 beacons"],
  },
  {
    name: "machines behind a bridge that is passed over",
    facts: alone([ETH0], neighbour({ name: "br-lan" })),
    expected: ["wrong-interface error: machines answer on br-lan, which is passed over, and none on eth0"],
  },
  {
    name: "no machines in docker's own bridge",
    facts: alone([ETH0], neighbour({ name: "br-0123456789ab" })),
    expected: ["nobody-heard error: 40 beacons"],
  },
  {
    name: "a second card whose cable is out, while nobody is heard on the first",
    facts: alone([ETH0, { ...ETH0, name: "eth1", hasCarrier: false }]),
    expected: ["wrong-interface warning: nobody is heard on eth0, and eth1 is without a link"],
  },
  {
    name: "no wrong card where a machine answers on the right one",
    facts: alone([ETH0, { ...ETH0, name: "eth1", hasCarrier: false }], neighbour(ETH0)),
    expected: ["nobody-heard error: 40 beacons"],
  },
  {
    name: "no silence behind an unplugged cable, but the cable",
    facts: { ...searching({ silentForMs: undefined }), interfaces: [{ ...ETH0, hasCarrier: false }] },
    expected: ["link-down error: eth0"],
  },
  {
    name: "multicast filtered between members",
    facts: facts({
      status: nodeStatus(1, { discovery: { ...discovery, beaconsSent: 90, silentForMs: 61_000 } }),
    }),
    expected: ["multicast-filtered warning: 2 members answer"],
  },
  {
    name: "others who hear nobody",
    facts: searching({ unheardBy: 2, candidates: 3 }),
    expected: ["not-heard-by-others error: 2 machines"],
  },
  {
    name: "fewer machines than expected",
    facts: searching({ candidates: 2 }),
    expected: ["waiting-for-machines warning: 2 machines with this join key are here, and 3"],
  },
  {
    name: "another join key, while there is no cluster",
    facts: says("foreign-tag", "x is here with another join key", { clusterId: undefined }),
    expected: ["other-join-key error: x is here"],
  },
  {
    name: "a neighbour with another join key, as no more than that",
    facts: says("foreign-tag", "x is here with another join key"),
    expected: ["other-join-key warning: x is here"],
  },
  {
    name: "no join key",
    facts: says("no-join-key", "it waits"),
    expected: ["no-join-key warning: it waits"],
  },
  {
    name: "another cluster with the same key",
    facts: says("other-cluster", "two were founded"),
    expected: ["other-cluster error: two were founded"],
  },
  {
    name: "a cloned disk",
    facts: says("duplicate-identity", "x is live on two machines"),
    expected: ["duplicate-identity error: two machines"],
  },
  {
    name: "a cloned disk on the machine that gave way",
    facts: says("identity-yielded", "x started last"),
    expected: ["identity-yielded error: x started last"],
  },
  {
    name: "a state that cannot be written",
    facts: says("state-unwritable", "no space left on device"),
    expected: ["state-unwritable error: no space left"],
  },
  {
    name: "what it has no name for",
    facts: says("initialiser-lost", "bring it back"),
    expected: ["other warning: bring it back"],
  },
  {
    name: "a clock an hour ahead of the servers', once",
    facts: says("clock-skew", "far", {
      clockOffsets: [
        { name: "n-b", offsetMs: 3_600_000 },
        { name: "n-c", offsetMs: 3_599_000 },
      ],
    }),
    expected: ["clock-skew error: this clock is 60 min ahead of n-b, n-c"],
  },
  {
    name: "a clock that is a little off",
    facts: facts({ status: nodeStatus(1, { clockOffsets: [{ name: "n-b", offsetMs: -4_000 }] }) }),
    expected: ["clock-skew warning: some seconds behind of n-b"],
  },
  {
    name: "a clock that follows nothing",
    facts: facts({
      clock: {
        tracking: { source: undefined, isOwnClock: false, stratum: 0, offsetMs: 0 },
        canSetClock: true,
      },
    }),
    expected: ["clock-unsynchronized warning: none of the time sources"],
  },
  {
    name: "a container whose host's clock is off",
    facts: facts({
      clock: {
        tracking: { source: "10.86.0.2", isOwnClock: false, stratum: 11, offsetMs: 5_400_000 },
        canSetClock: false,
      },
    }),
    expected: ["clock-unsynchronized error: 2 h ahead of 10.86.0.2; the host"],
  },
  {
    name: "no WireGuard and no tunnel device",
    facts: kernel({ hasTun: false }),
    expected: ["kernel-feature error: no tunnel device"],
  },
  { name: "no overlay", facts: kernel({ hasOverlay: false }), expected: ["kernel-feature error: overlay"] },
  {
    name: "no br_netfilter",
    facts: kernel({ hasBridgeFilter: false }),
    expected: ["kernel-feature error: br_netfilter"],
  },
  {
    name: "cgroup controllers that are off",
    facts: kernel({ cgroupControllers: ["cpu", "cpuset"] }),
    expected: ["kernel-feature error: memory, pids"],
  },
  {
    name: "a disk that is nearly full",
    facts: facts({ disks: [{ path: "/var/lib/etcd", sizeBytes: 20 * GIB, availableBytes: GIB }] }),
    expected: ["disk-short warning: /var/lib/etcd has 1.0 GiB left of 20.0 GiB"],
  },
  {
    name: "a disk that is full",
    facts: facts({ disks: [{ path: "/", sizeBytes: 20 * GIB, availableBytes: 2 ** 20 }] }),
    expected: ["disk-short error: / has 1 MiB left"],
  },
  {
    name: "nothing of a large disk with room for years",
    facts: facts({ disks: [{ path: "/", sizeBytes: 4000 * GIB, availableBytes: 300 * GIB }] }),
    expected: [],
  },
  {
    name: "too little memory for a server",
    facts: facts({ memory: { totalBytes: GIB, availableBytes: GIB / 2 } }),
    expected: ["memory-short error: the machine has 1.0 GiB"],
  },
  {
    name: "memory that is used up",
    facts: facts({ memory: { totalBytes: 8 * GIB, availableBytes: GIB / 4 } }),
    expected: ["memory-short warning: 256 MiB of 8.0 GiB"],
  },
  {
    name: "a mesh in a program, though the kernel has WireGuard",
    facts: kernel({ hasWireGuard: true }),
    expected: ["mesh-in-program warning: the kernel has WireGuard"],
  },
  {
    name: "a living member behind a closed port",
    facts: facts({
      status: nodeStatus(1, {
        mesh: {
          interface: "cos0",
          network: "10.86.0.0/16",
          implementation: "userspace",
          peers: [{ name: "n-b", address: "10.86.0.2", isAlive: true, rxBytes: 0, txBytes: 9 }],
        },
      }),
    }),
    expected: ["peer-silent warning: no encrypted packet from n-b"],
  },
  {
    name: "frames larger than a switch carries",
    facts: facts({
      paths: [
        { peer: "n-b", bytes: 8920, carries: "small" },
        { peer: "n-c", bytes: 8920, carries: "all" },
      ],
    }),
    expected: ["path-too-narrow error: n-b answers small packets, and none of 8920 bytes"],
  },
  {
    name: "nothing of the path to a peer that answers nothing",
    facts: facts({ paths: [{ peer: "n-b", bytes: 1420, carries: "none" }] }),
    expected: [],
  },
  {
    name: "a failed member",
    facts: facts({ status: nodeStatus(1, { members: { alive: 2, suspect: 0, failed: 1, left: 0 } }) }),
    expected: ["member-failed warning: one member"],
  },
  {
    name: "an API that does not answer",
    facts: facts({ api: { isReady: false, answer: "connection refused" } }),
    expected: ["api-unreachable error: connection refused"],
  },
  {
    name: "one voter of three that does not answer",
    facts: facts({ cluster: clusterStatus(2) }),
    expected: ["etcd-unhealthy warning: n-bbbbbbbbbb"],
  },
  {
    name: "a majority that is lost",
    facts: facts({ cluster: clusterStatus(2, 3) }),
    expected: ["etcd-unhealthy error: n-bbbbbbbbbb", "etcd-unhealthy error: n-cccccccccc"],
  },
  {
    name: "a certificate that ended",
    facts: facts({ certificates: [{ path: "/a.crt", validFrom: 0, validTo: NOW_MS - 1 }] }),
    expected: ["certificate-invalid error: /a.crt ended"],
  },
  {
    name: "a certificate of the future",
    facts: facts({
      certificates: [{ path: "/a.crt", validFrom: NOW_MS + 3_600_000, validTo: NOW_MS + 365 * DAY_MS }],
    }),
    expected: ["certificate-invalid error: valid only from"],
  },
  {
    name: "a certificate near its end",
    facts: facts({
      certificates: [{ path: "/a.crt", validFrom: NOW_MS - 360 * DAY_MS, validTo: NOW_MS + 5 * DAY_MS }],
    }),
    expected: ["certificate-ending warning: /a.crt ends"],
  },
  {
    name: "errors before warnings, causes before effects",
    facts: facts({
      kernel: { ...(facts().kernel as NonNullable<MachineFacts["kernel"]>), hasTun: false },
      disks: [{ path: "/", sizeBytes: 20 * GIB, availableBytes: GIB }],
      api: { isReady: false, answer: "no route" },
    }),
    expected: ["kernel-feature error: tunnel", "api-unreachable error: no route", "disk-short warning: /"],
  },
];

describe("doctor reads", () => {
  it("the kernel's neighbours: who answers, who was asked for in vain, and who is a router", () => {
    const text = JSON.stringify([
      { dst: "fe80::1", dev: "eth0", lladdr: "52:54:00:00:00:01", router: null, state: ["REACHABLE"] },
      { dst: "fe80::2", dev: "eth0", lladdr: "52:54:00:00:00:02", state: ["STALE"] },
      { dst: "10.0.0.3", dev: "eth0", state: ["FAILED"] },
      { dst: "10.0.0.4", dev: "eth0", state: ["INCOMPLETE"] },
      { dst: "ff02::1", dev: "eth0", state: ["NOARP"] },
    ]);
    const on = { interface: "eth0", isRouter: false, answers: true };
    expect(parseNeighbours(text)).to.deep.equal([
      { ...on, address: "fe80::1", isRouter: true },
      { ...on, address: "fe80::2" },
      { ...on, address: "10.0.0.3", answers: false },
    ]);
  });

  it("which interfaces are radios", () => {
    const link = { flags: ["UP", "LOWER_UP"], addr_info: [{ local: "fe80::1" }] };
    const text = JSON.stringify([
      { ifname: "eth0", ...link },
      { ifname: "wlan0", ...link },
    ]);
    expect(parseInterfaces(text, ["wlan0"])).to.deep.equal([ETH0, WLAN0]);
  });
});

describe("doctor finds", () => {
  for (const { name, facts: given, expected } of CASES) {
    it(name, () => {
      const found = diagnose(given);
      expect(found.map(({ kind, severity }) => `${kind} ${severity}`)).to.deep.equal(
        expected.map((line) => line.split(":")[0]),
      );
      for (const [index, line] of expected.entries())
        expect(found[index]?.what).to.include(line.slice(line.indexOf(":") + 2));
    });
  }

  it("everything that it has a name for: no name without a case", () => {
    const proven = new Set(CASES.flatMap(({ expected }) => expected.map((line) => line.split(" ")[0])));
    // What needs no facts of the machine: the command itself says it.
    proven.add("machine-off");
    expect([...proven].sort()).to.deep.equal(Object.keys(CATALOGUE).sort());
  });

  it("nothing where nothing could be read, but a silent bootstrap", () => {
    const nothing: MachineFacts = {
      status: undefined,
      silence: undefined,
      cluster: undefined,
      units: undefined,
      interfaces: undefined,
      neighbours: undefined,
      paths: undefined,
      memory: undefined,
      disks: undefined,
      kernel: undefined,
      packetFilter: undefined,
      clock: undefined,
      certificates: undefined,
      api: undefined,
      nowMs: NOW_MS,
    };
    expect(diagnose(nothing).map(({ kind }) => kind)).to.deep.equal(["bootstrap-silent"]);
  });

  it("what the guide explains", () => {
    const path = join(import.meta.dirname, "../../../docs/guides/troubleshooting.md");
    const pages = readFileSync(path, "utf8").split(/(?<=start -->\n)[^]*(?=<!-- prettier-ignore-end)/);
    const written = pages.join(catalogueTable());
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, written);
    expect(readFileSync(path, "utf8"), "written anew by UPDATE_GOLDEN=1").to.equal(written);
  });
});
