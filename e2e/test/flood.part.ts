import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeStatus } from "@cluster-os/api";
import { LocalApiClient } from "@cluster-os/api/drivers";
import type { Machine } from "@cluster-os/lab";
import { expect } from "chai";
import { cableAddressOf } from "../src/firewall.ts";
import { MINUTE_MS } from "../src/scenario.ts";
import type { Parts } from "../src/machines.ts";

const GOSSIP_PORT = 8686;
const PER_SECOND = 20_000;
const SECONDS = 30;
const FLOODER = "/run/flooder.ts";
/** What bootstrap counts of datagrams that it did not act on. Noise that begins like nothing it knows it does not count. */
const REFUSALS = [
  "formation.refused",
  ...["malformed", "foreign", "unknownKey", "unopened", "forged", "replayed"].map(
    (why) => `membership.${why}`,
  ),
];

/** Garbage for one machine of a cluster that runs: part of the scenario that has one. */
export function describeFlood(parts: () => Parts): void {
  it("nobody is held dead by anybody, and nobody becomes a member by it", async function () {
    this.timeout(3 * MINUTE_MS);
    const { servers, worker } = parts();
    const [target] = servers;
    if (!target) throw new Error("there is no server");
    const machines = [...servers, worker];
    const source = await readFile(join(import.meta.dirname, "../src/flooder.ts"), "utf8");
    await worker.run(["tee", FLOODER], { stdin: Buffer.from(source) });
    const since = (await target.run(["date", "+%s.%N"])).trim();
    const before = await countsOf(target);

    const address = `${await cableAddressOf(target.name)}%eth0`;
    const args = [address, GOSSIP_PORT, PER_SECOND, SECONDS].map(String);
    const said = await worker.run(["/usr/lib/cluster-os/bin/node", FLOODER, ...args]);
    const { sent, beacons } = JSON.parse(said) as { readonly sent: number; readonly beacons: number };

    const after = await countsOf(target);
    const of = (name: keyof Counts): number => after[name] - before[name];
    console.log(
      `        (${sent} datagrams from ${beacons} beacons and noise: ${of("refused")} refused, ${of("dropped")} dropped ` +
        `by the kernel, ${of("refutations")} times it had to say that it lives)`,
    );
    expect(beacons, "beacons to change").to.be.greaterThan(0);
    // A host with other work carries fewer than were asked for; these are a flood still.
    expect(sent, "datagrams").to.be.greaterThan((PER_SECOND * SECONDS) / 5);
    expect(of("refused"), "refused by bootstrap").to.be.greaterThan(0);
    // A quarter is noise, and what the network loses on its way nobody counts.
    expect(of("refused") + of("dropped"), "those that arrived").to.be.greaterThan(0.5 * sent);
    expect((await Promise.all(machines.map((one) => deathsSince(one, since)))).flat()).to.deep.equal([]);
    for (const machine of machines) {
      const { members } = await statusOf(machine);
      expect(members, machine.name).to.include({ alive: machines.length, failed: 0 });
    }
  });
}

interface Counts {
  readonly refused: number;
  /** By the kernel, since the process did not come to read them. */
  readonly dropped: number;
  readonly refutations: number;
}

async function countsOf(machine: Machine): Promise<Counts> {
  const { counters } = await statusOf(machine);
  const table = await machine.run(["cat", "/proc/net/udp6"]);
  const port = GOSSIP_PORT.toString(16).toUpperCase();
  const drops = [...table.matchAll(new RegExp(`:${port} .* (\\d+)\\s*$`, "gm"))].map(([, count]) =>
    Number(count),
  );
  return {
    refused: REFUSALS.reduce((sum, name) => sum + (counters[name] ?? 0), 0),
    dropped: drops.reduce((sum, count) => sum + count, 0),
    refutations: counters["membership.refutations"] ?? 0,
  };
}

async function statusOf(machine: Machine): Promise<NodeStatus> {
  return new LocalApiClient({ socketPath: await machine.localApi() }).status();
}

/** Lines of bootstrap's log in which a member failed. */
async function deathsSince(machine: Machine, since: string): Promise<readonly string[]> {
  const journal = await machine.run([
    ...["journalctl", "--unit=cluster-os-bootstrap", `--since=@${since}`, "--output=cat", "--quiet"],
  ]);
  return journal
    .split("\n")
    .filter((line) => line.includes('"message":"member"') && line.includes('"status":"failed"'));
}
