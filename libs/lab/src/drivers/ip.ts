import { readFile, readdir, rmdir } from "node:fs/promises";
import { execa } from "execa";
import { z } from "zod";
import type { FabricAction, FabricState, Port } from "../fabric.ts";
import { LabError } from "../lab-error.ts";
import type { LabNames } from "../names.ts";
import { TAP } from "../qemu.ts";

/** Where ip(8) keeps named network namespaces. */
export const NAMESPACES = "/run/netns";

const Links = z.array(
  z.object({
    ifname: z.string(),
    flags: z.array(z.string()),
    master: z.string().optional(),
    linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  }),
);

/** What of a lab's network exists. */
export async function readFabric(names: LabNames): Promise<FabricState> {
  const namespaces = await listNamespaces();
  if (!namespaces.includes(names.fabric)) return { namespaces, bridges: [], ports: [] };
  const links = Links.parse(JSON.parse(await ip(["-n", names.fabric, "-d", "-j", "link", "show"])));
  return {
    namespaces,
    bridges: links.filter((link) => link.linkinfo?.info_kind === "bridge").map((link) => link.ifname),
    ports: links.flatMap((link): Port[] => {
      const machine = /^m(\d+)$/.exec(link.ifname)?.[1];
      if (machine === undefined) return [];
      return [{ machine: Number(machine), bridge: link.master, isUp: link.flags.includes("UP") }];
    }),
  };
}

/** Does what a fabric plan says. */
export async function changeFabric(names: LabNames, actions: readonly FabricAction[]): Promise<void> {
  for (const action of actions) await changeOne(names.fabric, action);
}

async function changeOne(fabric: string, action: FabricAction): Promise<void> {
  switch (action.kind) {
    case "add-namespace":
      await ip(["netns", "add", action.namespace]);
      await ip(["-n", action.namespace, "link", "set", "lo", "up"]);
      return;
    case "add-bridge":
      // No spanning tree: a port forwards at once. No snooping: without a querier it would lose multicast.
      await ip([
        "-n",
        fabric,
        "link",
        "add",
        action.bridge,
        "type",
        "bridge",
        "stp_state",
        "0",
        "mcast_snooping",
        "0",
      ]);
      await ip(["-n", fabric, "link", "set", action.bridge, "up"]);
      return;
    case "add-cable": {
      const { namespace, address } = action;
      const port = portName(action.machine);
      await ip([
        "-n",
        fabric,
        "link",
        "add",
        port,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        namespace,
      ]);
      await ip(["-n", namespace, "link", "set", "eth0", "address", address, "mtu", "1500", "up"]);
      return;
    }
    case "remove-cable":
      await removeCable(fabric, action.machine);
      return;
    case "attach":
      await ip(["-n", fabric, "link", "set", portName(action.machine), "master", action.bridge]);
      return;
    case "switch":
      await ip(["-n", fabric, "link", "set", portName(action.machine), action.isUp ? "up" : "down"]);
      return;
    case "remove-bridge":
      await ip(["-n", fabric, "link", "del", action.bridge]);
      return;
    case "remove-namespace":
      await removeNamespace(action.namespace);
      return;
    default:
      action satisfies never;
  }
}

/**
 * Gives an emulated machine the end of its cable: a bridge in the machine's namespace between the cable and the device that
 * QEMU reads. Nothing here has an address: who is on the wire is the machine alone.
 */
export async function layTap(namespace: string): Promise<void> {
  const links = Links.parse(JSON.parse(await ip(["-n", namespace, "-d", "-j", "link", "show"])));
  if (links.some(({ ifname }) => ifname === TAP)) return;
  const change = (...args: readonly string[]): Promise<string> => ip(["-n", namespace, "link", ...args]);
  const bridge = "br0";
  await change("add", bridge, "type", "bridge", "stp_state", "0", "mcast_snooping", "0");
  await ip(["-n", namespace, "tuntap", "add", TAP, "mode", "tap"]);
  for (const link of ["eth0", TAP, bridge]) {
    await change("set", link, "down", "addrgenmode", "none");
    if (link !== bridge) await change("set", link, "master", bridge);
    await change("set", link, "up");
  }
}

/** Removes a cable at once; the kernel would do it some time after its namespace is gone. */
export async function removeCable(fabric: string, machine: number): Promise<void> {
  await execa("ip", ["-n", fabric, "link", "del", portName(machine)], { reject: false });
}

/** Removes a network namespace and the cables that end in it. One that is gone already is fine. */
export async function removeNamespace(namespace: string): Promise<void> {
  const { exitCode, stderr } = await execa("ip", ["netns", "del", namespace], { reject: false });
  if (exitCode !== 0 && (await listNamespaces()).includes(namespace)) {
    throw new LabError(`could not remove the network namespace ${namespace}: ${stderr.trim()}`);
  }
}

export async function listNamespaces(): Promise<string[]> {
  try {
    return await readdir(NAMESPACES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Whether the folder of named network namespaces is mounted; ip(8) does that when the first one is added. */
export async function isNamespaceFolderMounted(): Promise<boolean> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  return mounts.split("\n").some((line) => line.split(" ")[4] === NAMESPACES);
}

/** Undoes what ip(8) did for the first namespace, if none is left. */
export async function unmountNamespaceFolder(): Promise<void> {
  if ((await listNamespaces()).length > 0) return;
  await execa("umount", [NAMESPACES], { reject: false });
  await rmdir(NAMESPACES).catch(() => undefined);
}

function portName(machine: number): string {
  return `m${machine}`;
}

async function ip(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await execa("ip", args, { reject: false });
  if (exitCode !== 0) throw new LabError(`ip ${args.join(" ")} failed: ${stderr?.trim() ?? ""}`);
  return stdout ?? "";
}
