import { isUnderlayInterface } from "@cluster-os/mesh";
import type { DiskFacts, InterfaceFacts, MachineFacts, NeighbourFacts, UnitFacts } from "./facts.ts";

/** Reads `systemctl show --property=Id,LoadState,ActiveState,SubState,Result UNIT...`: a paragraph per unit. */
export function parseUnits(text: string): readonly UnitFacts[] {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => new Map(paragraph.split("\n").map((line) => splitOnce(line, "="))))
    .filter((unit) => unit.has("Id"))
    .map((unit) => ({
      name: unit.get("Id") ?? "",
      activeState: unit.get("ActiveState") ?? "",
      subState: unit.get("SubState") ?? "",
      result: unit.get("Result") ?? "",
      isLoaded: unit.get("LoadState") === "loaded",
    }));
}

interface IpAddressEntry {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly addr_info?: readonly { readonly local?: string }[];
}

interface IpNeighbourEntry {
  readonly dst: string;
  readonly dev: string;
  readonly state?: readonly string[];
  readonly router?: null;
}

/** States of a neighbour that was heard (RFC 4861 section 7.3.2); of one that is only being asked for nothing is known. */
const ANSWERED = ["REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT"];

/** Reads `ip -json neighbour show`. */
export function parseNeighbours(text: string): readonly NeighbourFacts[] {
  return (JSON.parse(text) as readonly IpNeighbourEntry[])
    .filter(({ state = [] }) => state.includes("FAILED") || state.some((one) => ANSWERED.includes(one)))
    .map(({ dst, dev, state = [], router }) => ({
      interface: dev,
      address: dst,
      isRouter: router !== undefined,
      answers: !state.includes("FAILED"),
    }));
}

/** Reads `ip -json address`: only interfaces that may lead to other machines. `wireless` are the names of radios. */
export function parseInterfaces(text: string, wireless: readonly string[]): readonly InterfaceFacts[] {
  return (JSON.parse(text) as readonly IpAddressEntry[])
    .filter(({ ifname }) => isUnderlayInterface(ifname))
    .map(({ ifname, flags, addr_info: addresses = [] }) => ({
      name: ifname,
      isUp: flags.includes("UP"),
      hasCarrier: flags.includes("LOWER_UP"),
      isWireless: wireless.includes(ifname),
      addresses: addresses.flatMap(({ local }) => (local === undefined ? [] : [local])),
    }));
}

/** Reads /proc/meminfo. */
export function parseMemory(text: string): MachineFacts["memory"] {
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]);
  const [totalBytes, availableBytes] = [kib("MemTotal") * 1024, kib("MemAvailable") * 1024];
  return Number.isNaN(totalBytes) || Number.isNaN(availableBytes)
    ? undefined
    : { totalBytes, availableBytes };
}

/** Reads `df --block-size=1 --output=target,size,avail PATH...`: each file system once. */
export function parseDisks(text: string): readonly DiskFacts[] {
  const rows = text
    .split("\n")
    .map((line) => /^(\S+)\s+(\d+)\s+(\d+)$/.exec(line.trim()))
    .filter((row) => row !== null)
    .map(([, path = "", size = "", available = ""]) => ({
      path,
      sizeBytes: Number(size),
      availableBytes: Number(available),
    }));
  return [...new Map(rows.map((row) => [`${row.sizeBytes} ${row.availableBytes}`, row])).values()];
}

/** Reads /proc/cgroups (version 1) and cgroup.controllers (version 2, empty otherwise). */
export function parseControllers(v1: string, v2: string): readonly string[] {
  const enabled = v1
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([name = "", , , isEnabled]) => !name.startsWith("#") && isEnabled === "1")
    .map(([name = ""]) => name);
  return [...new Set([...enabled, ...v2.trim().split(/\s+/)])].filter((name) => name !== "");
}

function splitOnce(line: string, separator: string): readonly [string, string] {
  const at = line.indexOf(separator);
  return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
}
