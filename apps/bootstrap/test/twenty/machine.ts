/**
 * One machine of the scenario, in a network namespace of its own: bootstrap as it ships - protocol, sockets, mesh, peer API,
 * local API, all loops - on a real wireguard-go. Only Kubernetes, the packet filter, chrony and systemd are left out.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { parseConfigFile } from "@cluster-os/api";
import { LocalApiClient } from "@cluster-os/api/drivers";
import { agreementKeyFromPrivate, nodeName } from "@cluster-os/identity";
import { loadOrCreateKeys } from "@cluster-os/identity/drivers";
import { IpLink, nudge, UserspaceWireGuard } from "@cluster-os/mesh/drivers";
import { toHex } from "@cluster-os/std";
import { createLogger, delay, systemClock, systemRng, waitFor } from "@cluster-os/std/drivers";
import { Daemon } from "../../src/daemon.ts";
import { MESH_INTERFACE } from "../../src/mesh-interface.ts";
import { settingsUnder } from "../../src/settings.ts";
import { Steps } from "../../src/steps.ts";
import { PretendedKubernetes } from "./pretended-kubernetes.ts";
import type { Sight } from "./sight.ts";

const SOCKETS = "/run/wireguard";
/** Often enough for the figure, seldom enough not to be what is measured: twenty of these share a few processors. */
const LOOK_EVERY_MS = 200;

const [folder = "", program = ""] = process.argv.slice(2);
const settings = settingsUnder({
  etc: join(folder, "etc"),
  state: join(folder, "state"),
  run: join(folder, "run"),
  lib: join(folder, "lib"),
});
const device = new UserspaceWireGuard({
  socketFolder: SOCKETS,
  publicKeyOf: (key) => agreementKeyFromPrivate(key).publicKey,
});
const chrony: { config: string | undefined; sources: string | undefined; isRunning: boolean } = {
  config: undefined,
  sources: undefined,
  isRunning: true,
};
let wireGuard: ChildProcess | undefined;

async function startWireGuard(): Promise<void> {
  if (wireGuard) return;
  const env = { ...process.env, WG_PROCESS_FOREGROUND: "1", LOG_LEVEL: "error" };
  wireGuard = spawn(program, [MESH_INTERFACE], { env, stdio: "inherit" });
  const socket = join(SOCKETS, `${MESH_INTERFACE}.sock`);
  await waitFor(() => access(socket).then(() => true), { what: socket, timeoutMs: 30_000 });
}

async function stopWireGuard(): Promise<void> {
  const daemon = wireGuard;
  wireGuard = undefined;
  if (!daemon) return;
  daemon.kill("SIGTERM");
  await once(daemon, "exit");
}

async function start() {
  // Sockets of wireguard-go are named after the interface, and that is the same on every machine.
  await execa("mount", ["-t", "tmpfs", "none", SOCKETS]);
  const folders = [settings.configPath, settings.protocolStatePath, settings.actRecordPath];
  for (const path of [...folders, settings.manifestsPath, settings.sockets.root])
    await mkdir(dirname(path), { recursive: true });
  await writeFile(settings.manifestsPath, JSON.stringify({ version: "0", digest: "0", objects: [] }));
  const config = parseConfigFile(await readFile(settings.configPath, "utf8"), settings.configPath);
  const keys = await loadOrCreateKeys(settings.identityFolder, systemRng);
  await Daemon.start({
    settings,
    config,
    keys,
    capabilities: { cpu: 1, memoryBytes: 2 ** 30, gpus: 0 },
    version: "0.0.0",
    mesh: { implementation: "userspace", device, ensure: startWireGuard, remove: stopWireGuard },
    link: new IpLink(),
    nudge,
    chrony: {
      observe: () => Promise.resolve(chrony),
      offered: () => Promise.resolve([]),
      act: (action) => {
        if (action.kind === "write-config") chrony.config = action.text;
        if (action.kind === "write-sources") chrony.sources = action.text;
        return Promise.resolve();
      },
    },
    firewall: {
      driver: { observe: () => Promise.resolve(undefined), replace: nothing, remove: nothing },
      readSshFacts: () =>
        Promise.resolve({ effective: undefined, configuration: undefined, sockets: undefined }),
    },
    readConfig: () => Promise.resolve(config),
    onDeparture: () => {},
    distribution: new PretendedKubernetes(join(folder, "admin.kubeconfig")),
    agent: { start: nothing, stop: nothing },
    steps: new Steps(systemClock),
    clock: systemClock,
    rng: systemRng,
    logger: createLogger({ level: "info" }),
  });
  return keys;
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** What this machine sees, each time that it is something else. */
async function look(name: string): Promise<never> {
  const api = new LocalApiClient({ socketPath: settings.sockets.group, timeoutMs: 60_000 });
  let last = "";
  let isReady = false;
  for (;;) {
    const listed = (await api.members()).filter(({ status }) => status !== "removed");
    const members = listed.map((member) => member.name).sort();
    isReady ||= (await api.status()).kubernetes.state === "ready";
    const state = wireGuard ? await device.get(MESH_INTERFACE).catch(() => undefined) : undefined;
    const peers = state?.peers.map(({ publicKey }) => toHex(publicKey)).sort();
    const key = state?.publicKey && toHex(state.publicKey);
    const sight: Sight = { name, isReady, members, peers, key };
    const text = JSON.stringify(sight);
    if (text !== last) process.send?.(sight);
    last = text;
    await delay(LOOK_EVERY_MS);
  }
}

// Nothing outlives whoever started it.
process.on("disconnect", () => process.exit(1));
const { identity } = await start();
await look(nodeName(identity.nodeId));
