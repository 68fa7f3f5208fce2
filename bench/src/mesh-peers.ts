/**
 * What it costs to keep a mesh of many peers as it should be: the first apply, a pass in which nothing changed, one peer that
 * moved, and one that is new. On wireguard-go in a network namespace of its own.
 *
 *     node --conditions=@cluster-os/source bench/src/mesh-peers.ts [--peers N]
 *
 * Prints Markdown. Needs root.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { agreementKeyFromPrivate } from "@cluster-os/identity";
import {
  chooseAddressPlan,
  meshAddress,
  podNetwork,
  meshWish,
  planDevice,
  type DeviceChange,
  type MeshMember,
  type MeshWish,
} from "@cluster-os/mesh";
import { UserspaceWireGuard } from "@cluster-os/mesh/drivers";
import { seededRng, toBase64 } from "@cluster-os/std";
import { execa } from "execa";
import { wireguardGo } from "@cluster-os/tools/parts";
import { markdownTable } from "./markdown.ts";
import { Cable } from "./mesh/cable.ts";

const { values } = parseArgs({ options: { peers: { type: "string", default: "1000" } } });
const count = Number(values.peers);
const rng = seededRng(1);
const own = agreementKeyFromPrivate(rng.bytes(32));
const members = Array.from({ length: count + 1 }, (_, at): MeshMember => ({
  index: at + 2,
  wireguardKey: agreementKeyFromPrivate(rng.bytes(32)).publicKey,
  endpoint: `192.0.2.2:${10_000 + at}`,
}));

await using cable = await Cable.lay();
const name = `cmp${process.pid % 100_000}`;
await cable.start("a", [await wireguardGo(), name], `/var/run/wireguard/${name}.sock`);
const device = new UserspaceWireGuard({ publicKeyOf: (key) => agreementKeyFromPrivate(key).publicKey });
let previous: MeshWish | undefined;

const present = members.slice(0, count);
const moved = present.map((member, at) => (at === 0 ? { ...member, endpoint: "192.0.2.2:9" } : member));
const rows = [
  await pass(`first apply of ${count} peers`, present),
  await byHand(),
  await pass("nothing changed", present),
  await pass("one peer moved", moved),
  await pass("one peer is new", [...moved, ...members.slice(count)]),
  await pass("one peer left", moved),
];
const load = loadavg()[0]?.toFixed(1) ?? "?";
console.log(`Linux ${release()}, ${availableParallelism()} cores, load ${load} at the end\n`);
console.log(
  markdownTable(
    ["pass", "writes", "peers written", "look (ms)", "plan (ms)", "write (ms)", "write per peer (ms)"],
    rows,
  ),
);

/** The same peers in a second daemon, by a person's `wg setconf`. */
async function byHand(): Promise<readonly string[]> {
  const hand = `${name}h`;
  await cable.start("b", [await wireguardGo(), hand], `/var/run/wireguard/${hand}.sock`);
  const folder = await mkdtemp(join(tmpdir(), "cluster-os-bench-"));
  try {
    const path = join(folder, "wg.conf");
    await writeFile(path, configOf(present), { mode: 0o600 });
    const began = performance.now();
    await execa("wg", ["setconf", hand, path]);
    const ms = performance.now() - began;
    return ["the same by `wg setconf`", "1", String(count), "", "", ms.toFixed(1), (ms / count).toFixed(2)];
  } finally {
    await rm(folder, { recursive: true });
  }
}

function configOf(peers: readonly MeshMember[]): string {
  const plan = chooseAddressPlan([]);
  const sections = peers.map(({ index, wireguardKey, endpoint }) =>
    [
      "[Peer]",
      `PublicKey = ${toBase64(wireguardKey)}`,
      `Endpoint = ${endpoint}`,
      `AllowedIPs = ${meshAddress(plan, index)}/32, ${podNetwork(plan, index)}`,
      "PersistentKeepalive = 25",
    ].join("\n"),
  );
  return `[Interface]\nPrivateKey = ${toBase64(own.privateKey)}\nListenPort = 51821\n${sections.join("\n")}\n`;
}

/** Looks, plans and writes once, as bootstrap does. */
async function pass(what: string, peers: readonly MeshMember[]): Promise<readonly string[]> {
  const began = performance.now();
  const observed = await device.get(name);
  const looked = performance.now();
  const keys = { privateKey: own.privateKey, publicKey: own.publicKey };
  const wish = meshWish({
    addressPlan: chooseAddressPlan([]),
    selfIndex: 1,
    peers,
    unheard: [],
    ...keys,
    listenPort: 51_820,
  });
  const change: DeviceChange | undefined = planDevice(observed, wish, Date.now(), previous);
  const planned = performance.now();
  if (change) await device.configure(name, change);
  const written = performance.now();
  previous = wish;
  const touched = change?.peers.length ?? 0;
  const ms = (from: number, to: number): string => (to - from).toFixed(1);
  const each = touched === 0 ? "" : ((written - planned) / touched).toFixed(2);
  return [
    what,
    change ? "1" : "0",
    String(touched),
    ms(began, looked),
    ms(looked, planned),
    change ? ms(planned, written) : "",
    each,
  ];
}
