/** What is known of where this machine's SSH listens: the texts of programs that were asked; undefined where none answered. */
export interface SshFacts {
  /** `sshd -T`: the effective configuration. */
  readonly effective: string | undefined;
  /** The configuration files, one after the other: what counts where sshd cannot be asked. */
  readonly configuration: string | undefined;
  /** `systemctl show --property=Listen ssh.socket sshd.socket`: there systemd listens in sshd's place. */
  readonly sockets: string | undefined;
}

/** IANA's port of SSH. */
export const SSH_PORT = 22;

/**
 * Every port at which SSH may be waiting, ascending. One too many lets nobody in; one too few would lock out the person who
 * is to mend the machine. So port 22 is there unless sshd itself said that it listens elsewhere.
 */
export function sshPorts({ effective, configuration, sockets }: SshFacts): readonly number[] {
  const told = [...portsOf(effective ?? ""), ...listenPorts(sockets ?? "")];
  const read = effective === undefined ? [...portsOf(configuration ?? ""), SSH_PORT] : [];
  const all = [...new Set([...told, ...read])].filter((port) => port >= 1 && port <= 65_535);
  return all.length === 0 ? [SSH_PORT] : all.sort((left, right) => left - right);
}

/** `port 2222`, and the port of `listenaddress [::]:2222`; the same words in a file, in any case and with `=`. */
function portsOf(text: string): readonly number[] {
  return text.split("\n").flatMap((line) => {
    const [, word = "", value = ""] = /^\s*([A-Za-z]+)(?:\s+|\s*=\s*)"?([^\s"]+)/.exec(line) ?? [];
    if (word.toLowerCase() === "port") return [Number(value)];
    const port =
      word.toLowerCase() === "listenaddress" ? /^(?:[^:]+|\[.*\]):(\d+)$/.exec(value)?.[1] : undefined;
    return port === undefined ? [] : [Number(port)];
  });
}

/** `Listen=[::]:22 (Stream)`. */
function listenPorts(text: string): readonly number[] {
  return [...text.matchAll(/^Listen=.*?:(\d+) \(Stream\)$/gm)].map(([, port]) => Number(port));
}
