/**
 * Plays ../scenario.ts on the kernel's WireGuard and prints every datagram of it, for ../golden:
 *
 *     node record.js
 *
 * `>` went to the kernel, `<` came from it, `=` is what the step gave.
 */
import { release } from "node:os";
import { IpLink } from "@cluster-os/mesh/drivers";
import { toHex } from "@cluster-os/std";
import { KernelWireGuard, openNetlink, type OpenNetlink } from "../../src/index.ts";
import { playScenario } from "../scenario.ts";
import { inNamespace } from "./namespace.ts";

const lines: string[] = [];

const recording: OpenNetlink = (protocol) => {
  const socket = openNetlink(protocol);
  return {
    send: (datagram) => {
      lines.push(`> ${protocol} ${toHex(datagram)}`);
      return socket.send(datagram);
    },
    receive: async (timeoutMs) => {
      const datagram = await socket.receive(timeoutMs);
      lines.push(`< ${protocol} ${toHex(datagram)}`);
      return datagram;
    },
    close: () => socket.close(),
  };
};

await inNamespace(async () => {
  await new IpLink().addWireGuard("cos0");
  const steps = await playScenario(new KernelWireGuard({ open: recording }));
  console.log(`# Linux ${release()}`);
  for (const line of lines) console.log(line);
  for (const { what, result } of steps) console.log(`= ${what}: ${JSON.stringify(result)}`);
});
