import { execa } from "execa";
import { z } from "zod";

const BRIDGE = "br0";
const ALONE = ["--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child=SIGKILL"];

/**
 * Runs a program in network, mount and process namespaces of its own, with this one's terminal: nothing that it lays or
 * mounts is seen outside, and however it ends the kernel ends all that it started (unshare(1)). Gives its exit status.
 */
export async function runAlone(argv: readonly string[]): Promise<number> {
  if (process.geteuid?.() !== 0) throw new Error("it makes network namespaces: run it as root");
  const { exitCode } = await execa("unshare", [...ALONE, ...argv], { stdio: "inherit", reject: false });
  return exitCode ?? 1;
}

/**
 * A network namespace (ip-netns(8)) of each of these names, all on one bridge without a way out: eth0 inside, a cable of the
 * namespace's name outside. Only for a process that {@link runAlone} started: it takes /run for itself.
 */
export async function layCable(names: readonly string[]): Promise<void> {
  await execa("mount", ["-t", "tmpfs", "none", "/run"]);
  await execa("mkdir", ["/run/netns"]);
  // Without a querier on the cable, nobody's listening would be known for long.
  await ip("link", "add", BRIDGE, "type", "bridge", "mcast_snooping", "0");
  await ip("link", "set", BRIDGE, "up");
  for (const name of names) {
    await ip("netns", "add", name);
    await ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
    await ip("link", "set", name, "master", BRIDGE, "up");
    for (const link of ["lo", "eth0"]) await ip("-n", name, "link", "set", link, "up");
  }
}

/** Gives the namespace's eth0, or the bridge where none is named, an address such as 10.0.0.1/16. */
export async function giveAddress(address: string, name?: string): Promise<void> {
  const [where, link] = name === undefined ? [[], BRIDGE] : [["-n", name], "eth0"];
  await ip(...where, "address", "add", address, "dev", link);
}

/**
 * Tells every namespace of the cable where the addresses (such as 10.0.0.1) of all others are, for ever. The kernel keeps one table of
 * neighbours for all namespaces together, 1,024 as a rule (arp(7), gc_thresh3): fifty that all speak to each other are more, and
 * then packets are lost. What was told so does not count.
 */
export async function introduce(members: readonly { readonly name: string; readonly address: string }[]) {
  const seats = await Promise.all(
    members.map(async (member) => {
      const { stdout } = await execa("ip", ["-json", "-n", member.name, "link", "show", "dev", "eth0"]);
      return { ...member, hardware: z.tuple([Link]).parse(JSON.parse(stdout))[0].address };
    }),
  );
  for (const { name } of seats) {
    const others = seats.filter((other) => other.name !== name);
    const lines = others.map(
      ({ address, hardware }) => `neighbor add ${address} lladdr ${hardware} dev eth0`,
    );
    await execa("ip", ["-n", name, "-batch", "-"], { input: lines.join("\n") });
  }
}

const Link = z.object({ address: z.string() });

async function ip(...args: readonly string[]): Promise<void> {
  await execa("ip", args);
}
