/**
 * Revocation at twenty: so many bootstrap processes, each in a network namespace, one of which is revoked; how soon it is
 * gone from every other member's list and from every other WireGuard device. Fails after five seconds.
 *
 * As root. `npx nx run @cluster-os/bootstrap:revocation-at-twenty`; a number as argument makes it so many machines.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { layCable, runAlone } from "@cluster-os/lab/cable";
import { buildWireGuardGo } from "@cluster-os/mesh/testing";
import { toBase64 } from "@cluster-os/std";
import { systemRng, waitFor } from "@cluster-os/std/drivers";
import { Machine } from "./machines.ts";

const BOUND_MS = 5_000;
const INSIDE = "inside";

async function main(word: string | undefined, number: string | undefined): Promise<void> {
  if (word === INSIDE) return run(Number(number));
  // Whatever becomes of this process, the kernel ends the others and takes the namespaces away.
  process.exitCode = await runAlone([
    process.execPath,
    ...process.execArgv,
    process.argv[1] ?? "",
    INSIDE,
    word ?? "20",
  ]);
}

async function run(count: number): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "revocation-20-"));
  const names = Array.from({ length: count }, (_, at) => `m${at + 1}`);
  const wireGuardGo = await buildWireGuardGo();
  await layCable(names);
  await mkdir("/run/wireguard");
  const machines: Machine[] = [];
  try {
    await grow(machines, names, { root, wireGuardGo });
    await revokeLast(machines);
  } catch (error) {
    console.error(`logs are in ${root}`);
    throw error;
  } finally {
    await Promise.all(machines.map((machine) => machine.end()));
  }
  await rm(root, { recursive: true });
}

/** The first founds the cluster alone, and is its server; the others come after it. */
async function grow(
  machines: Machine[],
  names: readonly string[],
  place: { readonly root: string; readonly wireGuardGo: string },
): Promise<void> {
  const config = { joinKey: toBase64(systemRng.bytes(32)), firewall: "off", maxServers: 1 };
  const startedAt = performance.now();
  for (const [at, name] of names.entries()) {
    const own = at === 0 ? { ...config, expect: 1 } : config;
    machines.push(await Machine.start(name, { ...place, config: own, onSight: () => {} }));
    if (at === 0) await wait(machines, "the first machine's API", ({ isReady }) => isReady);
  }
  const others = names.length - 1;
  await wait(
    machines,
    `${names.length} machines in one mesh`,
    ({ isReady, members, peers }) => isReady && members.length === names.length && peers?.length === others,
  );
  say(`${names.length} machines are one cluster, each with ${others} peers`, performance.now() - startedAt);
}

async function revokeLast(machines: readonly Machine[]): Promise<void> {
  const [server] = machines;
  const revoked = machines.at(-1)?.sight;
  const others = machines.slice(0, -1);
  if (!server || !revoked?.key) throw new Error("two machines at least");
  const { name, key } = revoked;
  const goneAt = new Map<string, { gossip?: number; device?: number }>();
  const startedAt = performance.now();
  const decided = server.api.revoke(name).then(() => performance.now() - startedAt);
  await waitFor(
    () => {
      for (const { sight } of others) {
        if (!sight) continue;
        const gone = goneAt.get(sight.name) ?? {};
        if (!sight.members.includes(name)) gone.gossip ??= performance.now() - startedAt;
        if (!sight.peers?.includes(key)) gone.device ??= performance.now() - startedAt;
        goneAt.set(sight.name, gone);
      }
      const all = [...goneAt.values()].filter(
        ({ gossip, device }) => gossip !== undefined && device !== undefined,
      );
      return all.length === others.length;
    },
    { what: `${name} to be gone everywhere`, timeoutMs: 60_000, everyMs: 20 },
  );
  say("the decision was answered", await decided);
  const times = (pick: "gossip" | "device") =>
    [...goneAt.values()].map((gone) => gone[pick] ?? Infinity).sort((left, right) => left - right);
  const [gossip, device] = [times("gossip"), times("device")];
  say(`gone from ${others.length} members' lists, the last`, gossip.at(-1) ?? Infinity);
  say(
    `gone from ${others.length} WireGuard devices, the median`,
    device[Math.floor(device.length / 2)] ?? Infinity,
  );
  say(`gone from ${others.length} WireGuard devices, the last`, device.at(-1) ?? Infinity);
  if (Math.max(...gossip, ...device) > BOUND_MS) throw new Error(`that is later than ${BOUND_MS} ms`);
}

async function wait(
  machines: readonly Machine[],
  what: string,
  isSo: (sight: NonNullable<Machine["sight"]>) => boolean,
): Promise<void> {
  const look = (): Machine | "so" | undefined =>
    machines.find(({ isRunning }) => !isRunning) ??
    (machines.every(({ sight }) => sight && isSo(sight)) ? "so" : undefined);
  const found = await waitFor(look, { what, timeoutMs: 600_000, everyMs: 100 });
  if (found !== "so") throw new Error(`the process of ${found.folder} ended`);
}

function say(what: string, ms: number): void {
  console.log(`${what}: ${(ms / 1000).toFixed(2)} s`);
}

await main(process.argv[2], process.argv[3]);
