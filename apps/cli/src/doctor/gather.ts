import { X509Certificate } from "node:crypto";
import type { ClusterStatus } from "@cluster-os/api";
import { delay } from "@cluster-os/std/drivers";
import { parseTracking } from "@cluster-os/time";
import type { Machine } from "../site.ts";
import { UNITS } from "./checks/units.ts";
import type { CertificateFacts, MachineFacts, UnitFacts } from "./facts.ts";
import {
  parseControllers,
  parseDisks,
  parseInterfaces,
  parseMemory,
  parseNeighbours,
  parseUnits,
} from "./parse.ts";
import { lookAtPaths } from "./paths.ts";

const KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf";
const CERTIFICATES = [
  "/etc/kubernetes/pki/ca.crt",
  "/etc/kubernetes/pki/apiserver.crt",
  "/etc/kubernetes/pki/etcd/server.crt",
  "/var/lib/kubelet/pki/kubelet-client-current.pem",
];
const FOLDERS = ["/", "/var/lib/cluster-os", "/var/lib/etcd", "/var/lib/containerd", "/var/lib/kubelet"];
const KERNEL = {
  tun: "/dev/net/tun",
  wireGuard: "/sys/module/wireguard",
  bridgeFilter: "/proc/sys/net/bridge/bridge-nf-call-iptables",
};
/** Bit of CAP_SYS_TIME (linux/capability.h). */
const CAP_SYS_TIME = 25n;

export interface GatherOptions {
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** How long to wait before what does not look well is looked at again, in milliseconds. */
  readonly againMs: number;
}

/** Looks at a machine that runs: its local API, its kernel's files, systemd, and what Kubernetes left on its disk. */
export async function gatherFacts(
  machine: Machine,
  { nowMs, againMs }: GatherOptions,
): Promise<MachineFacts> {
  const read = (...argv: readonly string[]) => readFrom(machine, argv);
  // First and alone: what it takes to start all these programs could look like a silent bootstrap.
  const bootstrap = await settled(
    () => askBootstrap(machine, againMs),
    ({ status }) => status !== undefined,
    againMs,
  );
  const [
    units,
    interfaces,
    neighbours,
    paths,
    packetFilter,
    memory,
    disks,
    kernel,
    clock,
    certificates,
    api,
  ] = await Promise.all([
    gatherUnits(machine),
    gatherInterfaces(machine),
    read("ip", "-json", "neighbour", "show").then((text) => text && parseNeighbours(text)),
    lookAtPaths(machine, bootstrap.status?.mesh?.peers ?? []),
    read("nft", "--json", "list", "ruleset"),
    read("cat", "/proc/meminfo").then((text) => text && parseMemory(text)),
    // Paths that are not there are an error of df's, and the others are told all the same.
    readFrom(machine, ["df", "--block-size=1", "--output=target,size,avail", ...FOLDERS], true).then(
      (text) => text && parseDisks(text),
    ),
    gatherKernel(machine),
    gatherClock(machine),
    gatherCertificates(machine),
    askApi(machine, againMs),
  ]);
  return {
    ...bootstrap,
    units,
    interfaces,
    neighbours: neighbours || undefined,
    paths,
    packetFilter: packetFilter?.startsWith("{") ? packetFilter : undefined,
    memory: memory || undefined,
    disks: disks || undefined,
    kernel,
    clock,
    certificates,
    api,
    nowMs,
  };
}

/** Names of what could not be read, for the report. */
export function unread(facts: MachineFacts): readonly string[] {
  const wanted = ["units", "interfaces", "memory", "disks", "kernel"] as const;
  return wanted.filter((name) => facts[name] === undefined);
}

async function askBootstrap(
  machine: Machine,
  againMs: number,
): Promise<Pick<MachineFacts, "status" | "silence" | "cluster">> {
  try {
    const api = await machine.api();
    const status = await api.status();
    const isMember = status.clusterId !== undefined;
    const cluster = () => api.cluster().catch(() => undefined);
    const isWell = (seen: ClusterStatus | undefined) =>
      seen?.controlPlane.voters.every(({ healthy }) => healthy) === true;
    return {
      status,
      silence: undefined,
      cluster: isMember ? await settled(cluster, isWell, againMs) : undefined,
    };
  } catch (error) {
    const silence = error instanceof Error ? error.message : String(error);
    return { status: undefined, silence, cluster: undefined };
  }
}

async function gatherUnits(machine: Machine): Promise<readonly UnitFacts[] | undefined> {
  const properties = "--property=Id,LoadState,ActiveState,SubState,Result";
  const text = await readFrom(machine, ["systemctl", "show", properties, ...UNITS]);
  if (text === undefined) return undefined;
  return Promise.all(
    parseUnits(text).map(async (unit) => {
      if (unit.activeState === "active") return unit;
      const argv = [
        "journalctl",
        `--unit=${unit.name}`,
        "--lines=1",
        "--output=cat",
        "--no-pager",
        "--quiet",
      ];
      const lastLine = (await readFrom(machine, argv))?.trim();
      return lastLine === undefined || lastLine === "" ? unit : { ...unit, lastLine };
    }),
  );
}

async function gatherInterfaces(machine: Machine): Promise<MachineFacts["interfaces"]> {
  const [text, radios] = await Promise.all([
    readFrom(machine, ["ip", "-json", "address"]),
    // The kernel's own list of radios; its two first lines are headings.
    readFrom(machine, ["cat", "/proc/net/wireless"]),
  ]);
  const names = [...(radios ?? "").matchAll(/^\s*(\S+):/gm)].map(([, name = ""]) => name);
  return text === undefined ? undefined : parseInterfaces(text, names);
}

async function gatherKernel(machine: Machine): Promise<MachineFacts["kernel"]> {
  const [filesystems, v1, v2, there] = await Promise.all([
    readFrom(machine, ["cat", "/proc/filesystems"]),
    readFrom(machine, ["cat", "/proc/cgroups"]),
    readFrom(machine, ["cat", "/sys/fs/cgroup/cgroup.controllers"]),
    readFrom(machine, ["ls", "-d", ...Object.values(KERNEL)], true),
  ]);
  if (filesystems === undefined || there === undefined) return undefined;
  const paths = there.split("\n");
  return {
    hasOverlay: /\toverlay$/m.test(filesystems),
    hasTun: paths.includes(KERNEL.tun),
    hasWireGuard: paths.includes(KERNEL.wireGuard),
    hasBridgeFilter: paths.includes(KERNEL.bridgeFilter),
    cgroupControllers: parseControllers(v1 ?? "", v2 ?? ""),
  };
}

async function gatherClock(machine: Machine): Promise<MachineFacts["clock"]> {
  const [tracking, first] = await Promise.all([
    readFrom(machine, ["chronyc", "-n", "-c", "tracking"], true),
    readFrom(machine, ["cat", "/proc/1/status"]),
  ]);
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(first ?? "")?.[1] ?? "0";
  const canSetClock = ((BigInt(`0x${bounding}`) >> CAP_SYS_TIME) & 1n) === 1n;
  return { tracking: parseTracking(tracking ?? ""), canSetClock };
}

async function gatherCertificates(machine: Machine): Promise<readonly CertificateFacts[]> {
  const found = await Promise.all(
    CERTIFICATES.map(async (path) => {
      const pem = await readFrom(machine, ["cat", path]);
      return pem === undefined ? [] : parseCertificate(path, pem);
    }),
  );
  return found.flat();
}

/** The first certificate of a file; none of a file that holds none. */
export function parseCertificate(path: string, pem: string): readonly CertificateFacts[] {
  const first = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem)?.[0];
  if (first === undefined) return [];
  const { validFrom, validTo } = new X509Certificate(first);
  return [{ path, validFrom: Date.parse(validFrom), validTo: Date.parse(validTo) }];
}

async function askApi(machine: Machine, againMs: number): Promise<MachineFacts["api"]> {
  if ((await readFrom(machine, ["ls", KUBELET_KUBECONFIG])) === undefined) return undefined;
  const argv = [
    "kubectl",
    `--kubeconfig=${KUBELET_KUBECONFIG}`,
    "--request-timeout=4s",
    "get",
    "--raw=/readyz",
  ];
  const look = async () => {
    const { exitCode, stdout, stderr } = await machine.capture(argv);
    const answer = (exitCode === 0 ? stdout : stderr).trim().split("\n").at(-1) ?? "";
    return { isReady: exitCode === 0 && stdout.trim() === "ok", answer };
  };
  return settled(look, ({ isReady }) => isReady, againMs);
}

/** A machine that is busy for a moment is not ill: what does not look well is looked at again, twice. */
async function settled<T>(look: () => Promise<T>, isWell: (seen: T) => boolean, againMs: number): Promise<T> {
  let seen = await look();
  for (let again = 0; again < 2 && !isWell(seen); again += 1) {
    await delay(againMs);
    seen = await look();
  }
  return seen;
}

/** What a program wrote; undefined if it failed or is not there. With `isLenient`, also what a failed one wrote. */
async function readFrom(
  machine: Machine,
  argv: readonly string[],
  isLenient: boolean = false,
): Promise<string | undefined> {
  try {
    const { exitCode, stdout } = await machine.capture(argv);
    return exitCode === 0 || isLenient ? stdout : undefined;
  } catch {
    return undefined;
  }
}
