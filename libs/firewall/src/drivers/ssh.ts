import { glob, readFile } from "node:fs/promises";
import { execa } from "execa";
import type { SshFacts } from "../ssh-ports.ts";

const SSHD = "/usr/sbin/sshd";
const FILES = ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"];
const SOCKETS = ["ssh.socket", "sshd.socket"];

/** Asks sshd, its files and systemd where SSH listens. What does not answer is left out, and never an error. */
export async function readSshFacts(): Promise<SshFacts> {
  const [effective, configuration, sockets] = await Promise.all([
    ask(SSHD, "-T"),
    readFiles(),
    ask("systemctl", "show", "--property=Listen", ...SOCKETS),
  ]);
  return { effective, configuration, sockets };
}

async function ask(program: string, ...args: readonly string[]): Promise<string | undefined> {
  const { stdout, exitCode } = await execa(program, args, { reject: false, stdin: "ignore", timeout: 5_000 });
  return exitCode === 0 ? stdout : undefined;
}

async function readFiles(): Promise<string> {
  const texts: string[] = [];
  for await (const path of glob(FILES)) texts.push(await readFile(path, "utf8").catch(() => ""));
  return texts.join("\n");
}
