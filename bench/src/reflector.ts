/**
 * How long after a fault a change is seen, by libs/kube's informer and by the bare one of @kubernetes/client-node:
 *
 *     make bench-kube     or: node --conditions=@cluster-os/source bench/src/reflector.ts [--rounds N] [--patience SECONDS]
 *
 * Both look at the same API server in memory, with their defaults. Prints Markdown on standard output and progress on
 * standard error; takes about five minutes, most of it for what never comes.
 */
import { parseArgs } from "node:util";
import { Informer, KubeClient, RESOURCES, type ConfigMap } from "@cluster-os/kube";
import { FakeApiServer, NO_FAULTS, type WatchFault } from "@cluster-os/kube/testing";
import { silentLogger } from "@cluster-os/std";
import { delay, systemClock, systemRng, waitFor } from "@cluster-os/std/drivers";
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from "@kubernetes/client-node";
import { markdownTable } from "./markdown.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, patience: { type: "string", default: "100" } },
});
const rounds = Number(values.rounds);
const patienceS = Number(values.patience);

/** Calls `onSeen` with every value that it sees. Returns how to stop it. */
type Contender = (fake: FakeApiServer, onSeen: (value: string) => void) => Promise<() => Promise<void>>;

const ours: Contender = async (fake, onSeen) => {
  const client = new KubeClient(fake.connection);
  const informer = new Informer<ConfigMap>({
    client,
    resource: RESOURCES.configMap,
    selection: { namespace: "default" },
    clock: systemClock,
    rng: systemRng,
    logger: silentLogger,
  });
  informer.store.onChange(({ object }) => onSeen(object.data?.["value"] ?? ""));
  informer.start();
  await informer.synced();
  return async () => {
    await informer.stop();
    client[Symbol.dispose]();
  };
};

const theirs: Contender = async (fake, onSeen) => {
  const config = new KubeConfig();
  config.loadFromOptions({
    // Without this it takes no plain HTTP.
    clusters: [{ name: "fake", server: fake.connection.server, skipTLSVerify: true }],
    users: [{ name: "nobody" }],
    contexts: [{ name: "fake", cluster: "fake", user: "nobody" }],
    currentContext: "fake",
  });
  const api = config.makeApiClient(CoreV1Api);
  const list = () => api.listNamespacedConfigMap({ namespace: "default" });
  const informer = makeInformer(config, "/api/v1/namespaces/default/configmaps", list);
  const look = ({ data }: V1ConfigMap): void => onSeen(data?.["value"] ?? "");
  informer.on("add", look);
  informer.on("update", look);
  // Bare: nobody starts it again.
  informer.on("error", () => {});
  await informer.start();
  return () => informer.stop();
};

const watchFault = (fault: WatchFault) => (fake: FakeApiServer) => fake.breakWatches(fault);
const faults: readonly { readonly name: string; readonly act: (fake: FakeApiServer) => void }[] = [
  { name: "none", act: () => {} },
  { name: "the server ends the watch", act: watchFault({ kind: "end" }) },
  { name: "connection reset", act: watchFault({ kind: "reset" }) },
  { name: "line cut short", act: watchFault({ kind: "truncate" }) },
  { name: "ERROR 410 in the watch", act: watchFault({ kind: "error", code: 410 }) },
  { name: "ERROR 500 in the watch", act: watchFault({ kind: "error", code: 500 }) },
  {
    name: "reset, then three times 503",
    act: (fake) => {
      let left = 3;
      fake.faults = {
        ...NO_FAULTS,
        request: () => ((left -= 1) >= 0 ? { kind: "status", code: 503 } : undefined),
      };
      fake.breakWatches({ kind: "reset" });
    },
  },
  { name: "silence", act: watchFault({ kind: "silence" }) },
];

const rows: string[][] = [];
for (const { name, act } of faults) {
  const [mine, bare] = [await times(ours, act), await times(theirs, act)];
  rows.push([name, ...cells(mine), ...cells(bare)]);
  process.stderr.write(`${name}: ${rows.at(-1)?.slice(1).join(" ")}\n`);
}
const headers = ["fault", "libs/kube: median (s)", "longest (s)", "client-node: median (s)", "longest (s)"];
process.stdout.write(markdownTable(headers, rows));
// What gave up may still hold a connection.
process.exit(0);

/** Seconds from the fault until a change made just after it was seen; Infinity if the patience ended first. */
async function times(contender: Contender, act: (fake: FakeApiServer) => void): Promise<number[]> {
  const seconds: number[] = [];
  // What takes long once is not done again: it is a timer.
  while (seconds.length < rounds && seconds.every((time) => time < 10))
    seconds.push(await time(contender, act));
  return seconds.sort((left, right) => left - right);
}

async function time(contender: Contender, act: (fake: FakeApiServer) => void): Promise<number> {
  await using fake = await FakeApiServer.start([RESOURCES.configMap]);
  const metadata = { name: "map", namespace: "default" };
  fake.world.create("configmaps", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
    data: { value: "before" },
  });
  const seen = new Set<string>();
  const stop = await contender(fake, (value) => seen.add(value));
  try {
    await waitFor(() => fake.openWatches > 0, { what: "a watch", timeoutMs: 10_000 });
    // A watch that was good for a while, as most are.
    await delay(1200);
    const begun = performance.now();
    act(fake);
    fake.world.mergePatch("configmaps", "default/map", { data: { value: "after" } });
    const change = { what: "the change", timeoutMs: patienceS * 1000, everyMs: 1 };
    return await waitFor(() => seen.has("after"), change).then(
      () => (performance.now() - begun) / 1000,
      () => Number.POSITIVE_INFINITY,
    );
  } finally {
    await stop();
  }
}

function cells(seconds: readonly number[]): [string, string] {
  const text = (time: number | undefined): string =>
    time === undefined || time === Number.POSITIVE_INFINITY ? `never (${patienceS} s)` : time.toFixed(3);
  return [text(seconds[Math.floor(seconds.length / 2)]), text(seconds.at(-1))];
}
