import { execa } from "execa";
import { readFileIfExists, writeFileIfChanged } from "@cluster-os/std/drivers";

/**
 * Gives this machine the name that follows from its key, now and at each boot. Every service that asks for the host
 * name - kubelet, SLURM, a shell prompt - then agrees with the cluster.
 */
export async function setHostName(name: string): Promise<void> {
  await writeFileIfChanged("/etc/hostname", `${name}\n`, { mode: 0o644 });
  const current = (await readFileIfExists("/proc/sys/kernel/hostname"))?.toString("utf8").trim();
  if (current !== name) await execa("hostname", [name]);
  const hosts = (await readFileIfExists("/etc/hosts"))?.toString("utf8") ?? "";
  await writeFileIfChanged("/etc/hosts", withOwnName(hosts, name), { mode: 0o644 });
}

const MARK = "# cluster-os: this machine";

/** `hosts` with exactly one line of ours, which resolves the own name where there is no name service. */
export function withOwnName(hosts: string, name: string): string {
  const others = hosts.split("\n").filter((line) => !line.endsWith(MARK));
  while (others.at(-1) === "") others.pop();
  return [...others, `127.0.1.1 ${name} ${MARK}`, ""].join("\n");
}
