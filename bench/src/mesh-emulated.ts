/**
 * bench/src/mesh.ts in an emulated machine, whose kernel has the WireGuard that this one may lack:
 *
 *     make bench-mesh-vm     or: node --conditions=@cluster-os/source bench/src/mesh-emulated.ts [--seconds N] [--rounds N]
 *
 * Boots one machine of the lab's, runs the bench there, prints what it printed, and takes the machine down. The machine
 * becomes no node meanwhile: the mesh that is measured has the processor for itself.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Lab } from "@cluster-os/lab";
import { waitFor } from "@cluster-os/std/drivers";
import { execa } from "execa";
import { bundleMesh } from "./mesh/bundle.ts";

const LAB = "bench";
const NODE = "/usr/lib/cluster-os/bin/node";
/** Goes with the machine's disk. In /run nothing may be executed. */
const FOLDER = "/var/tmp/bench";
const BOOT_MS = 10 * 60_000;
const root = join(import.meta.dirname, "../..");

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "10" }, rounds: { type: "string", default: "5" } },
});

await clusterOs("down");
try {
  await clusterOs("up", "--driver", "qemu", "--nodes", "1", "--no-wait");
  const machine = await new Lab({ name: LAB }).machine(1);
  const runs = async (...argv: readonly string[]) => (await machine.exec(argv)).exitCode === 0;
  console.error("waits for SSH");
  await waitFor(() => runs("true"), { what: "SSH", timeoutMs: BOOT_MS, everyMs: 2000 });
  const isBooted = () => runs("systemctl", "is-system-running", "--wait");
  await waitFor(isBooted, { what: "the end of its boot", timeoutMs: BOOT_MS, everyMs: 5000 });
  await machine.run(["systemctl", "stop", "cluster-os-bootstrap.service"]);
  await machine.run(["mkdir", "--parents", FOLDER]);
  await machine.run(["tar", "--extract", "--directory", FOLDER], { stdin: await packedBench() });
  const { seconds, rounds } = values;
  const bench = [NODE, `${FOLDER}/mesh.js`, "--seconds", seconds, "--rounds", rounds];
  const { exitCode, stdout, stderr } = await machine.exec(bench);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  process.exitCode = exitCode;
} finally {
  await clusterOs("down");
}

async function packedBench(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "bench-mesh-"));
  try {
    await bundleMesh(folder);
    return (await execa("tar", ["--create", "--directory", folder, "."], { encoding: "buffer" })).stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function clusterOs(...args: readonly string[]): Promise<void> {
  const env = { CLUSTER_OS_LAB: LAB };
  await execa("cluster-os", args, { cwd: root, env, preferLocal: true, localDir: root, stdout: "ignore" });
}
