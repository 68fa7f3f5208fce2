/**
 * What the mesh costs: one TCP connection, and pings, between two network namespaces of this machine, over a plain cable, over
 * WireGuard in the kernel and over wireguard-go, as the mesh configures them and as a person would with wg(8), in turns.
 *
 *     make bench-mesh     or: node --conditions=@cluster-os/source bench/src/mesh.ts [--seconds N] [--rounds N]
 *
 * Prints Markdown. Needs root. bench/src/mesh-emulated.ts runs it in an emulated machine, whose kernel has what this one may
 * lack.
 */
import { existsSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { kernelHasWireGuard } from "@cluster-os/node-wireguard";
import { markdownTable } from "./markdown.ts";
import { Cable } from "./mesh/cable.ts";
import { CARRIERS, makeTunnel, type Carrier } from "./mesh/carriers.ts";
import { playRole, ROLE } from "./mesh/roles.ts";
import { carrierRows, rateOf, type Transfer } from "./mesh/rows.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "5" }, rounds: { type: "string", default: "3" } },
});

if (positionals[0] === ROLE) await playRole(positionals.slice(1));
else await measure();

async function measure(): Promise<void> {
  await using cable = await Cable.lay();
  const hasKernel = await kernelHasWireGuard();
  if (!hasKernel) console.error("this kernel has no WireGuard: only the others are measured");
  const carriers = CARRIERS.filter((one) => !("where" in one) || one.where !== "kernel" || hasKernel);
  const addresses = new Map<Carrier, string>();
  for (const carrier of carriers)
    addresses.set(carrier, await makeTunnel(cable, carrier, await wireguardGo()));
  const transfers: Transfer[] = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const [carrier, address] of addresses) {
      const roundTripUs = await cable.roundTrip(address);
      const before = busyMs();
      const transfer = await cable.transfer(address, Number(values.seconds));
      transfers.push({ carrier, ...transfer, busyMs: busyMs() - before, roundTripUs });
      console.error(`round ${round}: ${carrier.name} ${rateOf(transfer).toFixed(0)} Mbit/s`);
    }
  }
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  console.log(`Linux ${release()}, ${availableParallelism()} cores, load ${load} at the end\n`);
  console.log(
    markdownTable(
      ["carrier", "median (Mbit/s)", "range (Mbit/s)", "of plain (%)", "CPU (s/GB)", "there and back (µs)"],
      carrierRows(transfers),
    ),
  );
}

/** Of all processors together, since this machine's start. */
function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}

/** The one beside this program, where it is bundled; else built. */
async function wireguardGo(): Promise<string> {
  const beside = join(import.meta.dirname, "wireguard-go");
  if (existsSync(beside)) return beside;
  const { wireguardGo: build } = await import("@cluster-os/tools/parts");
  return build();
}
