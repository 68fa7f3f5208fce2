/**
 * Runs in a network namespace of nftables.test.ts. `listen PORTS` echoes what comes to any address, `probe TARGETS` calls
 * each `protocol/address/port` and writes, as JSON, those that answered once all of `awaited` have.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";

const [role, ...words] = process.argv.slice(2);

if (role === "listen") await listen(words.map(Number));
else if (role === "probe") await probe(list(words[0]), list(words[1]));

function list(word: string = ""): readonly string[] {
  return word.split(",").filter((target) => target !== "");
}

async function listen(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const tcp = createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(port, "::");
    await once(tcp, "listening");
    const udp = createSocket({ type: "udp6", ipv6Only: false });
    udp.on("message", (bytes, { port: from, address }) => udp.send(bytes, from, address));
    udp.bind(port, "::");
    await once(udp, "listening");
  }
  process.stdout.write("ready\n");
}

/** What is dropped says nothing, so it is called first: once what was called later has answered, it would have too. */
async function probe(targets: readonly string[], awaited: readonly string[]): Promise<void> {
  const answered = new Set<string>();
  for (let round = 0; round < 60; round += 1) {
    for (const target of [...targets, ...awaited])
      if (!answered.has(target)) call(target, () => answered.add(target));
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (awaited.every((target) => answered.has(target))) break;
  }
  process.stdout.write(JSON.stringify([...answered].sort()));
  process.exit(0);
}

function call(target: string, onAnswer: () => void): void {
  const [protocol = "", address = "", port] = target.split("/");
  if (protocol === "tcp") {
    const socket = connect({ host: address, port: Number(port) });
    socket
      .on("error", () => {})
      .on("data", onAnswer)
      .write("hello");
    return;
  }
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("error", () => {}).on("message", onAnswer);
  socket.send("hello", Number(port), address);
}
