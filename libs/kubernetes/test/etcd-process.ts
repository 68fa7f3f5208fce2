import { execa } from "execa";

/** An etcd for a test, with these options beside what every test wants; `command` is what etcd's arguments follow. */
export function startEtcdProcess(command: readonly string[], options: Readonly<Record<string, string>>) {
  const all = { ...options, "unsafe-no-fsync": "true", "log-level": "warn" };
  const [program = "", ...words] = command;
  const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  return execa(program, [...words, ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    // Killed on purpose, so its end is never an error.
    reject: false,
  });
}
