import { clusterOs, must } from "./cluster-os.ts";

const CONFIG = "/etc/cluster-os/cluster-os.yaml";

/** A program on a machine that answers "here" at a TCP port of all its addresses, until the machine ends. */
export async function answerOn(machine: string, port: number): Promise<void> {
  const socat = ["socat", `TCP6-LISTEN:${port},fork,reuseaddr`, "SYSTEM:echo here"];
  await must([
    "shell",
    machine,
    "--",
    "systemd-run",
    "--quiet",
    "--collect",
    `--unit=answer-${port}`,
    ...socat,
  ]);
}

/** Whether a machine gets an answer at that address. */
export async function isAnswered(machine: string, address: string, port: number): Promise<boolean> {
  const socat = ["socat", "-T5", "-", `TCP:${address}:${port},connect-timeout=3`];
  return (await clusterOs(["shell", machine, "--", ...socat])).stdout.includes("here");
}

/** A machine's address on the cable, for the others on it, without the interface. */
export function cableAddressOf(machine: string): Promise<string> {
  return addressOf(machine, ["-6", "address", "show", "dev", "eth0", "scope", "link"]);
}

/** A machine's address in the mesh. */
export function meshAddressOf(machine: string): Promise<string> {
  return addressOf(machine, ["-4", "address", "show", "dev", "cos0"]);
}

async function addressOf(machine: string, args: readonly string[]): Promise<string> {
  const text = await must(["shell", machine, "--", "ip", "-json", ...args]);
  const [link] = JSON.parse(text) as readonly { readonly addr_info: readonly { readonly local: string }[] }[];
  const address = link?.addr_info[0]?.local;
  if (address === undefined) throw new Error(`${machine} has no such address: ${text}`);
  return address;
}

/** Adds a line to a machine's given file. */
export async function give(machine: string, line: string): Promise<void> {
  await must(["shell", machine, "--", "tee", "--append", CONFIG], { input: `${line}\n` });
}
