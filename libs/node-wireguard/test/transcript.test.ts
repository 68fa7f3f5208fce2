import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { fromHex, toHex } from "@cluster-os/std";
import { KernelWireGuard, type OpenNetlink } from "../src/index.ts";
import { playScenario } from "./scenario.ts";

const FILE = join(import.meta.dirname, "golden/linux-6.12.transcript");

/**
 * Every datagram of a scenario as a real kernel saw and answered it: what is sent has to be these very bytes, and what is made
 * of the answers has to be what was recorded.
 */
describe("a recording of Linux 6.12", () => {
  const lines = readFileSync(FILE, "utf8").trim().split("\n");
  const datagrams = lines.filter((line) => /^[<>] /.test(line));
  const results = lines.filter((line) => line.startsWith("= "));

  it("is replayed to the byte", async () => {
    const waiting = [...datagrams];
    const open: OpenNetlink = (protocol) => ({
      send: async (datagram) => {
        expect(`> ${protocol} ${toHex(datagram)}`).to.equal(waiting.shift());
      },
      receive: async () => {
        const [, from, hex = ""] = /^< (\d+) ([0-9a-f]+)$/.exec(waiting.shift() ?? "") ?? [];
        expect(from).to.equal(String(protocol));
        return fromHex(hex);
      },
      close: () => undefined,
    });
    const steps = await playScenario(new KernelWireGuard({ open }));
    const played = steps.map(({ what, result }) => `= ${what}: ${JSON.stringify(result)}`);
    expect(played).to.deep.equal(results);
    expect(waiting).to.deep.equal([]);
  });

  it("has one of everything", () => {
    expect(datagrams).to.have.length(64);
    expect(results).to.have.length(13);
  });
});
